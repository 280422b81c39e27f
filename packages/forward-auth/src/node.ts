export { toNodeHandler } from './lib/to-node-handler.js'
