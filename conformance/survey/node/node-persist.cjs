// node-persist: one item is one record.
const storage = require('node-persist')
const { serve } = require('./kit.cjs')

serve('node-persist', async (directory) => {
  const store = storage.create({ dir: directory })
  await store.init()
  let next = await store.length()
  return {
    async append(payload) {
      await store.setItem(String(next), payload.toString('base64'))
      return next++
    },
    async records() {
      const found = await store.data()
      return found
        .map(({ key, value }) => [Number(key), Buffer.from(value, 'base64')])
        .sort(([a], [b]) => a - b)
    },
    async close() {},
  }
})
