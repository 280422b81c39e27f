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
