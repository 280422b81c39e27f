export { clientAddress } from './lib/node/client-address.js'
export { type NodeHandler, type NodeHandlerOptions, toNodeHandler } from './lib/node/to-node-handler.js'
