import {
  type Authority,
  type Check,
  type Context,
  createTokenVerifier,
  type Handler,
  type Mountable,
  mountable,
  oauthError,
  type ResourceDescription,
  recordRefusal,
} from '@mcp-gateway/core'
import {
  checkIssuedResource,
  createAccessLog,
  createCookies,
  createProbes,
  hostCheck,
  requestPath,
  withRequestId,
} from '@mcp-gateway/core/internal'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { createLogger } from '@mcp-gateway/core/logging'
import { answer } from './answer.js'
import { createClientKeySets } from './client-metadata/client-key-sets.js'
import { readConfiguredClients } from './client-metadata/configured-clients.js'
import { createDocumentClients } from './client-metadata/document-clients.js'
import { createResources } from './client-metadata/resources.js'
import { createGuardedFetch } from './limits/guarded-fetch.js'
import { createLimits } from './limits/limits.js'
import { readinessParts } from './readiness-parts.js'
import { createRevocationCheck } from './revocation/revocation-check.js'
import { createRoutes } from './routes.js'
import { createTell } from './server/events.js'
import type { AuthorizationServerOptions } from './server/options.js'
import type { Server } from './server/server.js'
import { readSettings } from './server/settings.js'
import { createUserCheck } from './session/user-check.js'
import { createClientStore } from './store/client-store.js'
import { createGrantStore } from './store/grant-store.js'
import { createStorageKeys } from './store/storage-keys.js'
import { createOpaqueTokenVerifier } from './token/opaque-token-verifier.js'

/** What `createAuthorizationServer` returns: mount it, or hand it to `createGateway` as `auth`. */
export interface AuthorizationServer
  extends Mountable,
    Required<Pick<Authority, 'issuer' | 'protect' | 'match' | 'paths' | 'scopes'>> {
  readonly handle: Handler
  /**
   * Resolves when the storage can be written and there is a key to sign tokens with. A gateway asks it in `/ready`; mounted
   * alone, the server answers `/health` and `/ready` below its issuer itself.
   */
  readonly check: Check
  /**
   * Ends everything that acts for a user: sessions, remembered approvals and grants, with their tokens.
   *
   * @param subject the `sub` of their tokens, such as `github|1234`
   * @returns how many records there were
   */
  readonly revokeUser: (subject: string) => Promise<number>
}

/**
 * An OAuth 2.1 authorization server for MCP: metadata, registration, authorization with consent and login, tokens bound
 * to a resource, revocation and keys. It issues tokens; checking them at a resource is `protect`'s verifier and
 * `bearerAuth`. It is not an OpenID provider: no ID tokens, no user info.
 *
 * Nothing is read or written before the first request.
 *
 * @throws {GatewayError} `invalid_configuration`, saying which option to change
 * @see RFC 6749, RFC 7591, RFC 7636, RFC 8414, RFC 8707, RFC 9068, RFC 9207, RFC 9700
 * @example
 * ```ts
 * const auth = createAuthorizationServer({
 *   issuer: 'http://127.0.0.1:8787',
 *   storage: memoryStorage(),
 *   identityProvider: devLogin(),
 * })
 * ```
 */
export function createAuthorizationServer(options: AuthorizationServerOptions): AuthorizationServer {
  const settings = readSettings(options)
  const { issuer, storage, identityProvider, logger = createLogger(), now = Date.now, onEvent, observe } = options
  const log = createAccessLog({ service: 'oauth-server', logger, observe, userKey: options.logging?.userKey })
  const { lifetimes } = settings
  const clock = (): number => Math.floor(now() / 1000)
  const keys = createStorageKeys(issuer)
  const signingKeys =
    options.signingKeys ??
    createSigningKeys({
      issuer,
      storage,
      encryptionKeys: options.encryptionKeys,
      retention: Math.max(86_400, lifetimes.accessToken),
      dangerouslyAllowSingleProcessStorage: options.dangerouslyAllowSingleProcessStorage,
      now,
    })
  const grants = createGrantStore({
    storage,
    keys,
    accessTokenLifetime: lifetimes.accessToken,
    idleLifetime: lifetimes.refreshTokenIdle,
    grantLifetime: lifetimes.grant,
    rightsLifetime: lifetimes.grantWithRights,
    clock,
  })
  const limits = createLimits({ settings, storage, keys, clock })
  const outbound = (maxBytes: number) => createGuardedFetch(limits, { maxBytes, transport: options.transport })
  const { redirectUris } = settings.registration
  const origins = typeof settings.clientDocuments === 'object' ? settings.clientDocuments : undefined
  const clients = createClientStore({
    storage,
    keys,
    configured: readConfiguredClients(options.clients ?? [], redirectUris),
    documents: settings.clientDocuments
      ? createDocumentClients({
          storage,
          keys,
          origins,
          fetch: outbound(5 * 1024),
          newDocuments: limits.newDocuments,
          rules: redirectUris,
          clientLifetime: lifetimes.client,
          logger,
          clock,
        })
      : undefined,
    clientLifetime: lifetimes.client,
    unusedClientLifetime: lifetimes.unusedClient,
    clock,
  })
  const server: Server = {
    settings,
    storage,
    keys,
    signingKeys,
    clients,
    grants,
    limits,
    resources: createResources(options.resources ?? []),
    cookies: createCookies(issuer, 'mcp-oauth'),
    identityProvider,
    clientKeySets: createClientKeySets(outbound(64 * 1024), clock),
    checkUser: createUserCheck(options, logger, clock),
    logger,
    tell: createTell({ issuer, logger, onEvent, userHash: log.userHash }),
    clock,
  }
  const routes = createRoutes(server)
  const isServed = hostCheck([issuer], options.allowedHosts)
  const isRevoked = createRevocationCheck(grants, lifetimes.revocationDelay, clock)

  const probes = createProbes({ parts: readinessParts(storage, signingKeys, clock), logger })

  const serve: Handler = async (request, context) => {
    const response = await serveHost(request, context)
    // Tokens and names that strangers chose are in these answers: no browser is to take one for a page or a script
    response.headers.set('X-Content-Type-Options', 'nosniff')
    return response
  }

  const serveHost: Handler = (request, context) => {
    // A foreign page can give its own name the address of this machine (DNS rebinding), and would read the answers
    if (isServed(request)) return answer(routes.find(requestPath(request.url)), request, context, server)
    recordRefusal(context.record, { by: 'oauth-server', code: 'foreign_host' })
    return oauthError(403, 'access_denied', 'This Host is not served here; see allowedHosts')
  }

  const piece = {
    issuer,
    scopes: [...new Set([...settings.scopes.keys(), 'offline_access'])],
    check: probes.check,
    willClose: probes.willClose,
    secret: signingKeys.secret?.bind(signingKeys),
    protect(resource: string, { name, isImplied }: ResourceDescription = {}) {
      checkIssuedResource(resource, 'The resource of protect')
      server.resources.add(resource, name, isImplied)
      if (settings.accessTokens === 'opaque') return createOpaqueTokenVerifier(server, resource, isRevoked)
      return createTokenVerifier({
        issuer,
        audience: resource,
        jwks: () => signingKeys.jwks(),
        // All that keys can be made for: after a change of algorithm the tokens signed before it are still good.
        algorithms: ['ES256', 'RS256', 'EdDSA'],
        isRevoked,
      })
    },
    async revokeUser(subject: string) {
      const count = await grants.revokeAll('user_tokens', subject)
      server.tell({ type: 'token_revoked', subject, reason: 'revokeUser' })
      return count
    },
    match: (request: Request) => routes.find(requestPath(request.url)) !== undefined,
    paths: routes.paths,
    async handle(request: Request, context: Context) {
      // Not in `match`: in an application, and in a gateway, these paths belong to others
      const probed = probes.serve(request, settings.path)
      if (probed !== undefined) return probed
      // The gateway in front writes the line
      if (context.record !== undefined) return serve(request, context)
      const { client, requestId: given } = context
      const record = log.begin(request, { path: requestPath(request.url), client, requestId: given })
      record.route = { kind: 'authority' }
      const { requestId } = record
      const response = await serve(request, { ...context, record, requestId, logger: log.loggerOf(record) })
      return log.end(request, record, withRequestId(response, record))
    },
  }
  return mountable(piece)
}
