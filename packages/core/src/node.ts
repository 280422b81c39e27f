export { clientAddress } from './lib/mounts/node/client-address.js'
export { type Closable, type CloseOnSignalOptions, closeOnSignal } from './lib/mounts/node/close-on-signal.js'
export { type NodeHandler, type NodeHandlerOptions, toNodeHandler } from './lib/mounts/node/to-node-handler.js'
