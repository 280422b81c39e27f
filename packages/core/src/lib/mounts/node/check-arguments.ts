import { invalidConfiguration } from '../../contract/invalid-configuration.js'

/**
 * Refuses what is not called as `node:http` calls: a framework with a context of its own would make a promise reject that
 * nobody listens to, which ends the process.
 *
 * @param response the second argument
 * @throws {GatewayError} `invalid_configuration`
 */
export function checkNodeArguments(response: unknown): void {
  if (typeof Object(response).writeHead === 'function') return
  throw invalidConfiguration(
    'What toNodeHandler returns must be called with the request and the response of node:http. Put it in front of other frameworks: createServer(toNodeHandler(gateway, { next: app.callback() })) for Koa, fastify({ serverFactory: (next) => createServer(toNodeHandler(gateway, { next })) }) for Fastify',
  )
}
