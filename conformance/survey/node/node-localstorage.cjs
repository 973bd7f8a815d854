// node-localstorage: all records are one item, as a browser's local storage would have it.
delete globalThis.Proxy // version 1 of the library knows only a draft of it
const { LocalStorage } = require('node-localstorage')
const { serve } = require('./kit.cjs')

serve('node-localstorage', async (directory) => {
  const storage = new LocalStorage(directory)
  const records = JSON.parse(storage.getItem('records') ?? '[]')
  return {
    async append(payload) {
      records.push(payload.toString('base64'))
      storage.setItem('records', JSON.stringify(records))
      return records.length - 1
    },
    records: async () => records.map((text, n) => [n, Buffer.from(text, 'base64')]),
    async close() {},
  }
})
