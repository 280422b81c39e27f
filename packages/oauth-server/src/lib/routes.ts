import { type Context, respond, type ServedPath } from '@mcp-gateway/core'
import { outOfBand } from './client-metadata/out-of-band.js'
import { isMetadataPath, metadataPaths } from './discovery/metadata-paths.js'
import { serverMetadata } from './discovery/server-metadata.js'
import { authorizeEndpoint } from './interaction/authorize-endpoint.js'
import { callbackEndpoint } from './interaction/callback-endpoint.js'
import { consentEndpoint } from './interaction/consent-endpoint.js'
import { loginEndpoint } from './interaction/login-endpoint.js'
import { successEndpoint } from './interaction/success-endpoint.js'
import { introspectionEndpoint } from './introspection/introspection-endpoint.js'
import { managementEndpoint } from './registration/management-endpoint.js'
import { registrationEndpoint } from './registration/registration-endpoint.js'
import { revocationEndpoint } from './revocation/revocation-endpoint.js'
import type { Server } from './server/server.js'
import { tokenEndpoint } from './token/token-endpoint.js'

/** One endpoint. */
export interface Route {
  readonly methods: readonly string[]
  /**
   * Who calls it: `anyone` may read the answer from any web page, `browser` is a person, whose errors are pages,
   * `server` is neither.
   */
  readonly audience: 'anyone' | 'browser' | 'server'
  readonly answer: (request: Request, context: Context) => Response | Promise<Response>
}

/** The endpoints of a server. Paths are the issuer's; hosts are not looked at. */
export interface Routes {
  /** Looks an endpoint up by the path of a request. */
  readonly find: (path: string) => Route | undefined
  /** All that `find` finds, at the host of the issuer. */
  readonly paths: () => readonly ServedPath[]
}

export function createRoutes(server: Server): Routes {
  const { settings, identityProvider } = server
  const metadata: Route = {
    methods: ['GET', 'HEAD'],
    audience: 'anyone',
    answer: () => cacheableJson(serverMetadata(server)),
  }
  const routes: Record<string, Route> = {
    '/jwks': {
      methods: ['GET', 'HEAD'],
      audience: 'anyone',
      answer: async () => cacheableJson(await server.signingKeys.jwks()),
    },
    '/token': {
      methods: ['POST'],
      audience: 'anyone',
      answer: (request, context) => tokenEndpoint(server, request, context),
    },
    '/revoke': {
      methods: ['POST'],
      audience: 'anyone',
      answer: (request, context) => revocationEndpoint(server, request, context),
    },
    '/authorize': {
      methods: ['GET', 'POST'],
      audience: 'browser',
      answer: (request, context) => authorizeEndpoint(server, request, context),
    },
    '/consent': {
      methods: ['POST'],
      audience: 'browser',
      answer: (request, context) => consentEndpoint(server, request, context),
    },
    '/login': {
      methods: ['GET', 'POST'],
      audience: 'browser',
      answer: (request, context) => loginEndpoint(server, request, context),
    },
    [`/callback/${identityProvider.name}`]: {
      methods: identityProvider.postsAnswer ? ['GET', 'POST'] : ['GET'],
      audience: 'browser',
      answer: (request, context) => callbackEndpoint(server, request, context),
    },
  }
  if (settings.registration.redirectUris.privateUse.includes(outOfBand)) {
    routes['/success'] = {
      methods: ['GET'],
      audience: 'browser',
      answer: (request) => successEndpoint(server, request),
    }
  }
  if (settings.registration.enabled) {
    routes['/register'] = {
      methods: ['POST'],
      audience: 'anyone',
      answer: (request, context) => registrationEndpoint(server, request, context),
    }
  }
  if (settings.resourceServers.length > 0) {
    routes['/introspect'] = {
      methods: ['POST'],
      audience: 'server',
      answer: (request) => introspectionEndpoint(server, request),
    }
  }
  const registrations = `${settings.path}/register/`
  const management = (clientId: string): Route => ({
    methods: ['GET', 'PUT', 'DELETE'],
    audience: 'anyone',
    answer: (request, context) => managementEndpoint(server, request, clientId, context),
  })
  const byPath = new Map(Object.entries(routes).map(([path, route]) => [settings.path + path, route]))
  return {
    find(path) {
      const exact = byPath.get(path)
      if (exact) return exact
      if (path.startsWith(registrations)) return management(path.slice(registrations.length))
      return isMetadataPath(path, settings.path, server.resources.list()) ? metadata : undefined
    },
    paths() {
      const { host } = new URL(settings.issuer)
      const at = (match: ServedPath['match'], paths: readonly string[]) =>
        paths.map((path): ServedPath => ({ host, path, match }))
      const exact = [...byPath.keys(), ...metadataPaths(settings.path, server.resources.list())]
      return [...at('exact', exact), ...at('prefix', [registrations.slice(0, -1)])]
    },
  }
}

/** Answers with a public document that may be kept for a few minutes. */
function cacheableJson(document: unknown): Response {
  return respond(JSON.stringify(document), {
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=300' },
  })
}
