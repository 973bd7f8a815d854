// @seald-io/nedb, which goes on with nedb: one document is one record.
const Datastore = require('@seald-io/nedb')
const { serve } = require('./kit.cjs')

serve('@seald-io/nedb', async (directory) => {
  const database = new Datastore({ filename: `${directory}/log.db` })
  await database.loadDatabaseAsync()
  let next = await database.countAsync({})
  return {
    async append(payload) {
      await database.insertAsync({ n: next, payload: payload.toString('base64') })
      return next++
    },
    async records() {
      const found = await database.findAsync({})
      return found.sort((a, b) => a.n - b.n).map(({ n, payload }) => [n, Buffer.from(payload, 'base64')])
    },
    async close() {},
  }
})
