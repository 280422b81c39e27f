export { type RouteHandler, type RouteHandlers, toRouteHandlers } from './lib/mounts/next/to-route-handlers.js'
