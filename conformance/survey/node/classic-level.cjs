// classic-level (LevelDB) with sync: true: one key is one record.
const { ClassicLevel } = require('classic-level')
const { serve } = require('./kit.cjs')

serve('classic-level', async (directory) => {
  const database = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'buffer' })
  await database.open()
  let next = (await database.keys().all()).length
  return {
    async append(payload) {
      await database.put(String(next).padStart(10, '0'), payload, { sync: true })
      return next++
    },
    records: async () => (await database.iterator().all()).map(([key, value]) => [Number(key), value]),
    close: () => database.close(),
  }
})
