import type { Authority } from '../contract/authority.js'
import type { Check } from '../contract/check.js'
import type { Handler, Middleware, Mountable } from '../contract/handler.js'
import type { IdentitySource } from '../contract/identity-source.js'
import type { Logger } from '../contract/logger.js'
import type { Policy } from '../contract/policy.js'
import type { ObserveOption } from '../contract/request-observer.js'
import type { ServedPath } from '../contract/served-path.js'
import type { Storage } from '../contract/storage.js'
import type { RateLimit } from '../limits/rate-limit.js'
import type { FetchServer } from '../message/from-fetch-server.js'
import type { MessageOptions } from '../message/message-middleware.js'
import type { PageLook } from '../pages/page-look.js'
import type { PolicyOptions } from '../policy/policy.js'
import type { Dpop } from '../resource-server/dpop.js'
import type { ScopeHierarchy } from '../resource-server/scopes.js'
import type { IssuerAuthorityOptions } from '../tokens/issuer-authority.js'
import type { SubjectOption } from '../tokens/subject.js'

/** A server with settings of its own. */
export interface ServerOptions {
  readonly server: Handler | Mountable | FetchServer
  /** Scopes that every request to this server needs. */
  readonly requiredScopes?: readonly string[]
  /**
   * Scopes that the resource metadata offers.
   *
   * @default requiredScopes
   */
  readonly scopesSupported?: readonly string[]
  /** Which scopes include which others. */
  readonly scopeHierarchy?: ScopeHierarchy
  /** Accepts tokens that are bound to a key, with their proofs (RFC 9449); they are refused by default. */
  readonly dpop?: Dpop
  /**
   * Who may use what of it: a policy, or `{ rules }` with the options of `policy()`. It is asked last, behind all middleware.
   */
  readonly policy?: Policy | (PolicyOptions & { readonly rules: Policy })
  /** Middleware for this server alone, behind the gateway's own. It sees `context.auth` and `context.message`. */
  readonly middleware?: readonly Middleware[]
  /** What the resource metadata calls it (RFC 9728 `resource_name`). */
  readonly name?: string
  /**
   * Serves this server without tokens, to everybody, beside others that need one; it has no resource metadata. On a public URL it
   * is refused without `rateLimits.address`.
   *
   * @default false
   */
  readonly dangerouslyAllowAnonymous?: boolean
}

/** Something that a gateway serves beside its servers, with settings of its own. */
export interface RouteOptions {
  /** What answers. Where a `Mountable` has `match`, that says which paths below the key are its own; others are 404. */
  readonly handle: Handler | (Mountable & { match?(request: Request): boolean })
  /** Scopes that its tokens need. Without any, everybody who can sign in may ask for a token for it. */
  readonly requiredScopes?: readonly string[]
  /**
   * Checks the caller in place of the token check, such as `clientCertificate` of `core/identity`, or a middleware that compares a
   * key in constant time. It answers those it refuses, and calls `next` for the others.
   */
  readonly guard?: Middleware
  /**
   * Serves it to everybody.
   *
   * @default false
   */
  readonly dangerouslyAllowAnonymous?: boolean
}

/** What readiness asks, and what it means that it does not work. */
export interface ReadinessCheck {
  /**
   * Resolves when it works, and rejects when it does not; to `{ degraded: why }` when it does in part. It has 5 seconds.
   * Left out for a part of the gateway itself, whose own check is asked.
   */
  readonly check?: Check
  /**
   * Whether `/ready` is 503 when it does not work. With `false` it is 200 with `"status":"degraded"`.
   *
   * @default true
   */
  readonly required?: boolean
}

/** What goes into the log. */
export interface LoggingOptions {
  /**
   * Key of the hash that stands for a user in the access line (`user_sub`), at least 32 characters. With the same key in
   * every replica their logs agree about who is who, also after a restart; who has the key can find a user's lines by
   * hashing the `sub` of the tokens (HMAC-SHA-256, the first 16 hexadecimal digits).
   *
   * @default random, for each process
   */
  readonly userKey?: string
}

/** What a gateway is made of. */
export interface GatewayOptions {
  /**
   * The public URL, with a path prefix if there is one, as clients write it. Resources are this and the server's path.
   * A reverse proxy in front must keep the path.
   */
  readonly url: string
  /**
   * Who issues the tokens: our own authorization server, or any OpenID or OAuth issuer. Or, behind a reverse proxy that has
   * checked the token, what tells who calls: `forwardedIdentity` and its kin of `@mcp-gateway/core/identity`. Resource
   * metadata is then the proxy's to serve, and 404 here.
   */
  readonly auth?: Authority | IssuerAuthorityOptions | IdentitySource
  /**
   * Where tokens name their user, for authorities whose verifiers do not set `extra.subject`: a claim, or a function.
   * Requests that need to know the user, such as those of sessions, are refused with 403 while a token names none.
   */
  readonly subject?: SubjectOption
  /**
   * The MCP servers: each by its path below `url` (`/notes/mcp`; `/` is `url` itself), or by an absolute URL on a host of its
   * own (`https://notes.example.com/mcp`). Resources, metadata, challenges and the checks of Origin and Host follow from that.
   */
  readonly servers: Readonly<Record<string, Handler | Mountable | FetchServer | ServerOptions>>
  /**
   * What is served beside the servers, by its path below `url` (or an absolute URL): metrics, a history, the management of keys.
   * `/keys` is this path alone, `/keys/*` everything below it too. A path of something else is refused.
   *
   * It is recorded and logged as everything else, foreign pages and hosts are refused, and unless its settings say otherwise it needs
   * an access token that was issued for it: it is a protected resource with metadata of its own. `message`, `middleware` and
   * `rateLimits.identity` are for servers alone.
   */
  readonly routes?: Readonly<Record<string, Handler | Mountable | RouteOptions>>
  /**
   * Who runs this, on the page that people get who open the URL of a server in a browser: what it is, and how it is added to clients.
   * `false` for no page; programs get their 401 all the same.
   *
   * @default a page without a name
   */
  readonly page?: PageLook | false
  /** Pages on which users connect their accounts at upstreams: `createVault` of `@mcp-gateway/core/vault`. */
  readonly vault?: Mountable & { match(request: Request): boolean; paths?(): readonly ServedPath[] }
  /** Middleware for every server, behind the token check and `message`. */
  readonly middleware?: readonly Middleware[]
  /** Where log lines go; JSON lines to standard output by default. */
  readonly logger?: Logger
  /** What goes into the log. */
  readonly logging?: LoggingOptions
  /**
   * Called once for each request, where its access line is written: when the answer begins. Requests that reached no server
   * are among them (refused by token, Origin, limit or path), those for `/health` and `/ready` are not. A body that is no
   * stream has been counted then; of a stream, `record.onEnd` tells the end and the bytes. The request waits for it while it
   * runs, but for no promise that it returns. What it throws is logged.
   *
   * Several may hear of requests, and a piece may do more than hear: `createAudit` of `@mcp-gateway/core/audit` looks into
   * messages too, is asked by `/ready` as `audit`, and is closed with the gateway, after the last request.
   */
  readonly observe?: ObserveOption
  /** Where limits are counted; asked by `/ready`. It stays open when the gateway closes. */
  readonly storage?: Storage
  /** How often one address may ask, and one identity (each message of a batch counts). They need `storage`. */
  readonly rateLimits?: { readonly address?: RateLimit; readonly identity?: RateLimit }
  /**
   * The header in which the platform tells the client's address, such as `cf-connecting-ip`, on hosts other than Node.
   * Name it only where nobody can reach the gateway past the platform: whoever can writes what he likes into it.
   */
  readonly addressHeader?: string
  /** Origins of pages that may call the servers; the gateway's own by default, on loopback any loopback origin too. */
  readonly allowedOrigins?: readonly string[]
  /**
   * Host names that `Host` may name; on loopback the loopback names by default, otherwise any. Name here what a proxy in front
   * writes into it where that is a public name other than those of `url` and `servers`: by such a name `match` tells that a
   * request is not for this gateway.
   */
  readonly allowedHosts?: readonly string[]
  /**
   * The key of the server whose metadata the root well-known of its host serves; needed with several servers on one host
   * only. Where a server is at `/`, it is that one.
   */
  readonly rootResource?: string
  /** Limits on bodies and batches. */
  readonly message?: MessageOptions
  /**
   * What `/ready` asks besides the parts of the gateway, by name, and which of those count. Asked without being told are
   * `storage`, `authority`, `vault`, each server that has a `check`, by its path, and its policy, as `policy of` the path: of
   * the servers one must work, and the others are required. An entry of such a name stands in place of that: `{ required: false }` for a server that
   * never matters, `{ required: true }` for one without which nobody should come.
   */
  readonly readiness?: Readonly<Record<string, (() => Promise<unknown>) | ReadinessCheck>>
  /**
   * Seconds that `close` waits for requests that are under way.
   *
   * @default 10
   */
  readonly drainTimeout?: number
  /** Serves all servers without tokens. Refused unless all are at loopback addresses. */
  readonly dangerouslyAllowAnonymous?: boolean
}
