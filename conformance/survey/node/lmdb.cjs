// lmdb-js: one key is one record; an append waits for `flushed`.  An argument names an option to set.
const { open } = require('lmdb')
const { serve } = require('./kit.cjs')

const more = process.argv[2] ? { [process.argv[2]]: true } : {}

serve('lmdb-js', async (directory) => {
  const database = open({ path: `${directory}/log.mdb`, encoding: 'binary', keyEncoding: 'uint32', ...more })
  let next = database.getKeysCount()
  return {
    async append(payload) {
      await database.put(next, payload)
      await database.flushed
      return next++
    },
    records: async () => [...database.getRange()].map(({ key, value }) => [key, Buffer.from(value)]),
    close: () => database.close(),
  }
})
