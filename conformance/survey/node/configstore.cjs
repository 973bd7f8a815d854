// configstore: all records are one value of a configuration file.
const path = require('node:path')
const { serve } = require('./kit.cjs')

const entry = require.resolve('configstore')
const modules = path.dirname(path.dirname(entry))

/** Load the library anew: it reads from the environment, once, where its files are. */
function configstoreIn(directory) {
  for (const loaded of Object.keys(require.cache)) {
    if (loaded.startsWith(modules)) delete require.cache[loaded]
  }
  process.env.XDG_CONFIG_HOME = directory
  return require(entry)
}

serve('configstore', async (directory) => {
  const Configstore = configstoreIn(directory)
  const store = new Configstore('log')
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
