import type { Handler } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, flag, type OptionTypes, optional, text, textList } from '../contract/option-types.js'
import { oauthError } from '../http/oauth-error.js'
import { openCors, openPreflight } from '../http/open-cors.js'
import { checkResource, resourceMetadataUrl, wellKnown } from './resource-url.js'

/** What the protected resource metadata says. */
export interface ResourceMetadataOptions {
  /** The resource identifier: the URL of the MCP endpoint, exactly as clients use it. */
  readonly resource: string
  /** The issuers whose tokens are accepted, each as the string that its own metadata holds; at least one. */
  readonly authorizationServers: readonly string[]
  /** The scopes that a client should ask for at first. `offline_access` is left out: it is not the resource's to offer. */
  readonly scopesSupported?: readonly string[]
  /** A name for people. */
  readonly resourceName?: string
  /** A page for developers. */
  readonly resourceDocumentation?: string
  /** The DPoP proof algorithms, where DPoP is on. */
  readonly dpopAlgorithms?: readonly string[]
  /** Whether every token must be bound by DPoP. */
  readonly dpopRequired?: boolean
  /** Answers at the root form of the well-known path as well. */
  readonly root?: boolean
}

/**
 * Serves the metadata of one protected resource, at its path-inserted address and for any origin. Every other path is
 * 404 as JSON, since MCP clients try several and stop at anything else. The document is made once, from the
 * configuration alone; nothing in it comes from the request.
 *
 * @throws {GatewayError} `invalid_configuration` for a resource or an issuer that is no plain http(s) URL
 * @see RFC 9728
 * @example
 * ```ts
 * const metadata: Handler = resourceMetadata({
 *   resource: 'https://mcp.example.com/notes/mcp',
 *   authorizationServers: ['https://login.example.com'],
 *   scopesSupported: ['notes:read'],
 * })
 * ```
 */
export function resourceMetadata(options: ResourceMetadataOptions): Handler {
  checkOptions('resourceMetadata', options, types)
  const { resource, authorizationServers, scopesSupported, root = false, dpopAlgorithms } = options
  checkResource(resource)
  if (authorizationServers.length === 0) {
    throw invalidConfiguration('authorizationServers must name at least one issuer')
  }
  const body = JSON.stringify({
    resource,
    authorization_servers: authorizationServers,
    scopes_supported: scopesSupported?.filter((scope) => scope !== 'offline_access'),
    bearer_methods_supported: ['header'],
    resource_name: options.resourceName,
    resource_documentation: options.resourceDocumentation,
    dpop_signing_alg_values_supported: dpopAlgorithms,
    dpop_bound_access_tokens_required: options.dpopRequired,
  })
  const { pathname, search } = new URL(resourceMetadataUrl(resource))
  const serves = (url: URL): boolean =>
    (root && withoutSlash(url.pathname) === wellKnown) ||
    (withoutSlash(url.pathname) === withoutSlash(pathname) && (search === '' || url.search === search))

  return (request) => {
    if (!serves(new URL(request.url))) {
      return oauthError(404, 'not_found', 'No protected resource has its metadata here', openCors)
    }
    if (request.method === 'OPTIONS') {
      return new Response(null, { status: 204, headers: openPreflight(['GET', 'HEAD']) })
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const allow = { ...openCors, Allow: 'GET, HEAD, OPTIONS' }
      return oauthError(405, 'invalid_request', 'Resource metadata is read with GET', allow)
    }
    return new Response(request.method === 'HEAD' ? null : body, {
      headers: { ...openCors, 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=3600' },
    })
  }
}

const types: OptionTypes<ResourceMetadataOptions> = {
  resource: text,
  authorizationServers: textList,
  scopesSupported: optional(textList),
  resourceName: optional(text),
  resourceDocumentation: optional(text),
  dpopAlgorithms: optional(textList),
  dpopRequired: optional(flag),
  root: optional(flag),
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
