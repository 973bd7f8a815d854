// electron-settings: all records are one setting; Electron itself only tells it a path, which is given here.
const Module = require('node:module')
const { serve } = require('./kit.cjs')

const load = Module._load
const app = { getPath: () => '.', isReady: () => true, once() {} }
Module._load = (name, ...more) => (name === 'electron' ? { app } : load(name, ...more))
const settings = require('electron-settings')

/** Say where the file is, as version 3 is told and as later ones are. */
function placeIn(directory) {
  if (settings.setPath) settings.setPath(`${directory}/settings.json`)
  else settings.configure({ dir: directory })
}

const get = (key) => (settings.getSync ?? settings.get).call(settings, key)
const set = (key, value) => (settings.setSync ?? settings.set).call(settings, key, value)

serve('electron-settings', async (directory) => {
  placeIn(directory)
  const records = get('records') ?? []
  return {
    async append(payload) {
      records.push(payload.toString('base64'))
      set('records', records)
      return records.length - 1
    },
    records: async () => records.map((text, n) => [n, Buffer.from(text, 'base64')]),
    async close() {},
  }
})
