import type { Handler, Mountable, Policy, Storage } from '@mcp-gateway/core'
import { type ApiKeys, createApiKeys, createApiKeyVerifier } from '@mcp-gateway/core/api-keys'
import { type AuditStore, createAudit, history as readHistory } from '@mcp-gateway/core/audit'
import { type AddedServer, createGateway, setupPage } from '@mcp-gateway/core/gateway'
import { createLogger } from '@mcp-gateway/core/logging'
import type { PolicyOptions } from '@mcp-gateway/core/policy'
import { createAuthorizationServer, type IdentityProvider } from '@mcp-gateway/oauth-server'

export interface ExampleOptions {
  url: string
  storage: Storage
  /** Without it nobody needs a token, which the gateway allows on loopback only. */
  auth: boolean
  /** Who the users are. */
  identityProvider: IdentityProvider
  /** Scopes beside `mcp` that users may grant. */
  scopes: readonly string[]
  /** The MCP servers, by the paths they are served at. */
  servers: Readonly<Record<string, Handler | Mountable>>
  /** What clients call them. */
  names: readonly AddedServer[]
  /** Who may use what of them; whoever has a token where there is none. */
  policy?: PolicyOptions & { rules: Policy }
  /** Where it is written down who did what; users find their own calls at `/history`. */
  history?: AuditStore
}

export const logger = createLogger({ level: 'warn' })

/** The keys of programs, which the command `keys` makes. */
export const exampleKeys = (storage: Storage): ApiKeys => createApiKeys({ storage, prefix: 'example', logger })

/** MCP servers behind an authorization server of our own, which programs may pass with API keys. */
export const exampleGateway = (options: ExampleOptions) => {
  const { url, storage, auth, identityProvider, scopes, servers, names, policy, history } = options
  const audit = history && createAudit({ sink: history, logger })
  const granted = {
    mcp: 'Use the servers behind this gateway in your name',
    ...Object.fromEntries(scopes.map((scope) => [scope, scope])),
  }
  const scopesSupported = scopes.length === 0 ? undefined : Object.keys(granted)
  const onEvent = audit?.onEvent
  const authority = () =>
    createAuthorizationServer({ issuer: url, storage, identityProvider, scopes: granted, onEvent, logger })
  return createGateway({
    url,
    ...(auth
      ? { auth: createApiKeyVerifier(exampleKeys(storage), { authority: authority() }) }
      : { dangerouslyAllowAnonymous: true }),
    servers: Object.fromEntries(
      Object.entries(servers).map(([path, server]) => [path, { server, policy, scopesSupported }]),
    ),
    routes: {
      // For who opens the address that the banner prints
      '/': { handle: setupPage({ servers: names }), dangerouslyAllowAnonymous: true },
      // Everybody sees their own; those of others who the policy lets
      ...(history && auth && { '/history': readHistory({ store: history, policy: policy?.rules }) }),
    },
    observe: audit,
    logger,
  })
}
