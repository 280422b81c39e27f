/** Who asks, as a verified access token tells it. */
export interface PolicySubject {
  /** The user (`sub`); absent where a client acts for itself. Unique within one issuer only. */
  readonly id?: string
  /** The OAuth client that acts. */
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly groups: readonly string[]
}

/** What is asked for. */
export interface PolicyResource {
  /** The MCP server, as the resource URL that was configured. */
  readonly server: string
  /** `server` for what concerns no single tool, prompt or resource, and where the request could not be read. */
  readonly kind: 'tool' | 'prompt' | 'resource' | 'server'
  /** The tool's or prompt's name, or the resource's URI. */
  readonly name?: string
  /** What the operator says about it. */
  readonly labels?: Readonly<Record<string, string>>
  /** What the MCP server says about it (`annotations`). Hints of a party that need not be trusted. */
  readonly annotations?: Readonly<Record<string, unknown>>
}

/** Everything a {@link Policy} decides on. */
export interface PolicyInput {
  readonly subject: PolicySubject
  /** The MCP method, such as `tools/call`; `*` where it cannot be known, which only somebody who may do everything should pass. */
  readonly action: string
  readonly resource: PolicyResource
  /** The arguments of a tool or prompt, where whoever asks has read the body. */
  readonly arguments?: Readonly<Record<string, unknown>>
  readonly network: {
    /** The client's IP address, where the host knows it. */
    readonly address?: string
  }
  /** When the question is asked, in seconds since the epoch. */
  readonly time: number
}

/** What a {@link Policy} says. */
export type Decision =
  | { readonly allow: true }
  | {
      readonly allow: false
      /** Why, for the developer of the client. It reaches the client, so it names no internals. */
      readonly reason: string
      /** The scopes that would help, all of them: the client is told to ask for these (RFC 6750 section 3.1). */
      readonly requiredScopes?: readonly string[]
    }

/**
 * Decides whether a request may go on. A plain function, so that rules in code and any engine fit. One that throws or
 * rejects is a refusal.
 *
 * @example
 * ```ts
 * const policy: Policy = ({ action, resource, subject }) =>
 *   action === 'tools/list' || resource.name === 'search' || subject.roles.includes('editor')
 *     ? { allow: true }
 *     : { allow: false, reason: 'Only editors may do this' }
 * ```
 */
export type Policy = (input: PolicyInput) => Decision | Promise<Decision>
