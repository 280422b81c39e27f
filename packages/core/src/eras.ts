export type {
  EraAnswer,
  EraCaller,
  EraFilter,
  EraLink,
  EraLinkCall,
  EraLinkListener,
  EraNotification,
  EraRequest,
  EraServer,
  EraServerInfo,
  EraSubscription,
  RawJson,
} from './lib/eras/era-server.js'
export type { HeaderParameter } from './lib/eras/header-parameters.js'
export { type TranslateErasOptions, translateEras } from './lib/eras/http/translate-eras.js'
export {
  type LegacyClient,
  type LegacyClientCall,
  type LegacyClientOptions,
  legacyClient,
} from './lib/eras/legacy-client/legacy-client.js'
export { type LegacyServerOptions, legacyServer } from './lib/eras/legacy-server/legacy-server.js'
export { listTools } from './lib/eras/list-tools.js'
export {
  type ModernClient,
  type ModernExchange,
  type ModernServing,
  modernClient,
} from './lib/eras/modern-client/modern-client.js'
export type { ModernReply } from './lib/eras/modern-client/modern-reply.js'
export { type ModernRequest, readModernRequest } from './lib/eras/modern-client/modern-request.js'
export type { ParkedCallsOptions } from './lib/eras/modern-client/parked-calls.js'
export { type ModernServerOptions, modernServer } from './lib/eras/modern-server/modern-server.js'
export { ToolHeaders, type ToolLists } from './lib/eras/tool-headers.js'
export type { Owner } from './lib/tokens/owner.js'
