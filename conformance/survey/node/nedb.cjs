// louischatriot/nedb: one document is one record.
const Datastore = require('nedb')
const { serve } = require('./kit.cjs')

const called = (run) =>
  new Promise((resolve, reject) => run((error, found) => (error ? reject(error) : resolve(found))))

serve('nedb', async (directory) => {
  const database = new Datastore({ filename: `${directory}/log.db` })
  await called((done) => database.loadDatabase(done))
  let next = await called((done) => database.count({}, done))
  return {
    async append(payload) {
      await called((done) => database.insert({ n: next, payload: payload.toString('base64') }, done))
      return next++
    },
    async records() {
      const found = await called((done) => database.find({}, done))
      return found.sort((a, b) => a.n - b.n).map(({ n, payload }) => [n, Buffer.from(payload, 'base64')])
    },
    async close() {},
  }
})
