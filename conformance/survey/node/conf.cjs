// conf: all records are one value of a configuration file.
const Conf = require('conf')
const { serve } = require('./kit.cjs')

serve('conf', async (directory) => {
  const store = new Conf({ cwd: directory })
  const records = store.get('records') ?? []
  return {
    async append(payload) {
      records.push(payload.toString('base64'))
      store.set('records', records)
      return records.length - 1
    },
    records: async () => records.map((text, n) => [n, Buffer.from(text, 'base64')]),
    async close() {},
  }
})
