// lowdb, each write synchronous: one element of an array is one record; each write is of the whole file.
const { serve } = require('./kit.cjs')

/** Open it as version 1 is opened, and as later ones are. */
async function opened(path) {
  if (process.env.SURVEY_PACKAGE.startsWith('lowdb@1.')) {
    const FileSync = require('lowdb/adapters/FileSync')
    const database = require('lowdb')(new FileSync(path))
    database.defaults({ records: [] }).write()
    return { records: database.get('records').value(), write: () => database.write() }
  }
  const { JSONFileSyncPreset } = await import(require.resolve('lowdb/node'))
  const database = JSONFileSyncPreset(path, { records: [] })
  return { records: database.data.records, write: () => database.write() }
}

serve('lowdb', async (directory) => {
  const { records, write } = await opened(`${directory}/log.json`)
  return {
    async append(payload) {
      records.push(payload.toString('base64'))
      write()
      return records.length - 1
    },
    records: async () => records.map((text, n) => [n, Buffer.from(text, 'base64')]),
    async close() {},
  }
})
