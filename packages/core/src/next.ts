export { type RouteHandler, type RouteHandlers, toRouteHandlers } from './lib/next/to-route-handlers.js'
