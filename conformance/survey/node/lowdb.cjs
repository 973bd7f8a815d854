// lowdb's JSONFile: one element of an array is one record; each write is a new file.
const { serve } = require('./kit.cjs')

serve('lowdb', async (directory) => {
  const { JSONFilePreset } = await import(require.resolve('lowdb/node'))
  const database = await JSONFilePreset(`${directory}/log.json`, { records: [] })
  return {
    async append(payload) {
      database.data.records.push(payload.toString('base64'))
      await database.write()
      return database.data.records.length - 1
    },
    records: async () => database.data.records.map((text, n) => [n, Buffer.from(text, 'base64')]),
    async close() {},
  }
})
