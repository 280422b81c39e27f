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
export {
  type LegacyClient,
  type LegacyClientCall,
  type LegacyClientOptions,
  legacyClient,
} from './lib/eras/legacy-client.js'
export { type ModernServerOptions, modernServer } from './lib/eras/modern-server.js'
export { member, type Span, scanArray, scanObject, skipSpace } from './lib/json/json-scan.js'
export { type Edit, splice } from './lib/json/splice.js'
