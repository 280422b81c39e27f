import type { Authority, Logger, ObserveOption, Policy, SubjectOption } from '@mcp-gateway/core'
import type { Dpop } from '@mcp-gateway/core/dpop'
import type { IssuerAuthorityOptions } from '@mcp-gateway/core/gateway'
import type { AssertionOptions } from './assertion.js'
import type { Dialect } from './dialect.js'
import type { IdentityHeaderNames } from './identity-headers.js'

/** What one MCP server asks of those who call it. */
export interface ForwardAuthServer {
  /** Scopes that every request needs. */
  readonly requiredScopes?: readonly string[]
  /**
   * Scopes that the resource metadata offers.
   *
   * @default requiredScopes
   */
  readonly scopesSupported?: readonly string[]
  /** What the resource metadata calls it (RFC 9728 `resource_name`). */
  readonly name?: string
  /**
   * Decides on each request, by `Mcp-Method` and `Mcp-Name`. Safe only where the server behind refuses requests whose
   * headers differ from their body, as revision 2026-07-28 demands. What a method is about and no header repeats (the
   * prompt of `completion/complete`, the resources of `subscriptions/listen`) cannot be known here: for those it is asked
   * with `action: '*'`, which only somebody who may do everything should pass.
   */
  readonly policy?: Policy
  /**
   * What a policy does with requests of older revisions, and with GET and DELETE, whose headers do not tell what they
   * do: `refuse` them, which is the default, or ask once for the `whole-server`, with `action: '*'`.
   */
  readonly olderRevisions?: 'refuse' | 'whole-server'
  /** Whether every path below this one belongs to the server too. */
  readonly subpaths?: boolean
}

/** What a forward-auth endpoint is made of. */
export interface ForwardAuthOptions {
  /** The public URL of the servers that are given by path, as clients write it. */
  readonly url: string
  /** Who issues the tokens: our own authorization server, or any OAuth or OpenID issuer. */
  readonly auth: Authority | IssuerAuthorityOptions
  /**
   * Where tokens name their user, for authorities whose verifiers do not set `extra.subject`: a claim, or a function. A
   * token that names nobody is refused with 403: an upstream must not take all of its users for one.
   */
  readonly subject?: SubjectOption
  /** How the proxy tells what it was asked. */
  readonly dialect: Dialect
  /** The MCP servers, by path under `url` or by absolute URL. Nothing else is open. */
  readonly servers: Readonly<Record<string, ForwardAuthServer>>
  /** The path that the proxy asks; for `ext-authz` the prefix of it. `/auth` by default. Keep it from the public. */
  readonly path?: string
  /** The names of the identity headers. The proxy's configuration names the same. */
  readonly headers?: Partial<IdentityHeaderNames>
  /** Accepts tokens that are bound to a key, each with a proof for the original method and URL. Default: they are refused. */
  readonly dpop?: Dpop
  /** Sends the upstream a signed identity too. */
  readonly assertion?: AssertionOptions
  /** Origins of pages that may call the servers; those of the servers by default, on loopback any loopback origin too. */
  readonly allowedOrigins?: readonly string[]
  /**
   * Host names that `Host` may name where nothing is decided but something is served, such as metadata. Unless told, the
   * hosts of the servers and the loopback names where a server is on loopback, otherwise any.
   */
  readonly allowedHosts?: readonly string[]
  /** Where log lines go; JSON lines to standard output by default. */
  readonly logger?: Logger
  /** What goes into the log. */
  readonly logging?: {
    /**
     * Key of the hash that stands for a user in the log (`user_sub`), at least 32 characters.
     *
     * @default random, for each process
     */
    readonly userKey?: string
  }
  /** Called once for each auth request, and each that is served, where its access line is written. What it throws is logged. */
  readonly observe?: ObserveOption
}
