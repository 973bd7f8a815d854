// better-sqlite3 as its documentation advises, in WAL mode and nothing else: one row is one record.
const Database = require('better-sqlite3')
const { serve } = require('./kit.cjs')

serve('better-sqlite3', async (directory) => {
  const database = new Database(`${directory}/log.db`)
  database.pragma('journal_mode = WAL')
  database.exec('CREATE TABLE IF NOT EXISTS log (n INTEGER PRIMARY KEY, payload BLOB NOT NULL)')
  const put = database.prepare('INSERT INTO log (payload) VALUES (?)')
  const all = database.prepare('SELECT n, payload FROM log ORDER BY n').raw()
  return {
    append: async (payload) => Number(put.run(payload).lastInsertRowid),
    records: async () => all.all(),
    close: async () => database.close(),
  }
})
