export { clientAddress } from './lib/mounts/node/client-address.js'
export { type NodeHandler, type NodeHandlerOptions, toNodeHandler } from './lib/mounts/node/to-node-handler.js'
