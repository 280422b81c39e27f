export {
  type RouteHandler,
  type RouteHandlerApp,
  type RouteHandlerOptions,
  type RouteHandlers,
  toRouteHandlers,
} from './lib/mounts/next/to-route-handlers.js'
