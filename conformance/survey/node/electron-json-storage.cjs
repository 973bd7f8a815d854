// electron-json-storage: all records are one key; Electron itself only tells it a path, which is given here.
const Module = require('node:module')
const { serve } = require('./kit.cjs')

const load = Module._load
Module._load = (name, ...more) => (name === 'electron' ? { app: { getPath: () => '.' } } : load(name, ...more))
const storage = require('electron-json-storage')

const called = (run) =>
  new Promise((resolve, reject) => run((error, found) => (error ? reject(error) : resolve(found))))

serve('electron-json-storage', async (dataPath) => {
  const { records = [] } = await called((done) => storage.get('log', { dataPath }, done))
  return {
    async append(payload) {
      records.push(payload.toString('base64'))
      await called((done) => storage.set('log', { records }, { dataPath }, done))
      return records.length - 1
    },
    records: async () => records.map((text, n) => [n, Buffer.from(text, 'base64')]),
    async close() {},
  }
})
