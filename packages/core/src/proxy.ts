export { type ProxyServer, proxy } from './lib/proxy/proxy.js'
export type { ProxyOptions } from './lib/proxy/proxy-options.js'
export type { ProxyTls } from './lib/proxy/proxy-tls.js'
