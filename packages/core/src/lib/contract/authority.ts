import type { TokenVerifier } from './auth-info.js'
import type { Check } from './check.js'
import type { Handler } from './handler.js'
import type { ServedPath } from './served-path.js'

/** What people are told of a resource. */
export interface ResourceDescription {
  /** What people call it (RFC 9728 `resource_name`); its URL by default. */
  readonly name?: string
  /**
   * Whether a request for a token that names no resource can mean this one.
   *
   * @default true
   */
  readonly isImplied?: boolean
}

/**
 * Who issues the tokens for a gateway's servers. `createGateway` calls `protect` once per server at construction, so
 * that the issuer's resource registry, the routes, the metadata and the audience agree by construction.
 */
export interface Authority {
  /**
   * The issuer identifier (RFC 8414), kept as the string that was configured. Absent where no client can get a token by OAuth, as
   * with API keys: there is then no resource metadata, and no refusal names any, so that no client opens a browser for nothing.
   */
  readonly issuer?: string
  /** A header beside `Authorization` that its tokens may come in, such as `x-api-key`. */
  readonly tokenHeader?: string
  /**
   * Registers a resource (RFC 8707) and returns the verifier for the access tokens that are meant for it.
   *
   * @param about what the authority's pages say of it
   */
  readonly protect: (resource: string, about?: ResourceDescription) => TokenVerifier
  /** The issuer's own endpoints, where this process serves them. Answers 404 JSON for paths that are not its own. */
  readonly handle?: Handler
  /** Whether `handle` serves the path of this request. */
  readonly match?: (request: Request) => boolean
  /** The paths that `handle` serves: what a gateway lists, and where it refuses to put a server. */
  readonly paths?: () => readonly ServedPath[]
  /** The scopes that it grants, where it knows: a server that needs others is refused at construction. */
  readonly scopes?: readonly string[]
  /** Whether an issuer of plain http may protect public resources; elsewhere than on loopback they are refused. */
  readonly dangerouslyAllowHttpIssuer?: boolean
  /**
   * 32 secret bytes for a purpose, the same in every process that serves this authority and known to nobody else, so that what
   * stands behind needs no secret of its own that replicas share. Rejects with `temporarily_unavailable`. Absent where it has none.
   */
  readonly secret?: (purpose: string) => Promise<Uint8Array>
  /** Whether what it needs to issue or verify tokens is there. */
  readonly check?: Check
  readonly close?: () => Promise<void>
}
