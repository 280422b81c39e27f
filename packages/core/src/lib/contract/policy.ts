import type { Check } from './check.js'

/** Who acts for somebody else (`act` of RFC 8693 section 4.1). */
export interface PolicyActor {
  /** Who issued {@link id}; absent where the token does not say. */
  readonly issuer?: string
  readonly id: string
  /** For whom this one acts in turn. */
  readonly actor?: PolicyActor
}

/** Who asks, as a verified access token tells it. */
export interface PolicySubject {
  /** Who issued the token; absent where a verifier that is not ours does not tell. */
  readonly issuer?: string
  /** The user (`sub`); absent where a client acts for itself. Unique within one issuer only. */
  readonly id?: string
  /** The OAuth client that acts; empty where callers need no token. */
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  /** Who acts for the user, where the token says so. */
  readonly actor?: PolicyActor
}

/** What is asked for. */
export interface PolicyResource {
  /** The MCP server, as the resource URL that was configured. */
  readonly server: string
  /** `server` for what concerns no single part of it, and where the request could not be read. */
  readonly kind: 'tool' | 'prompt' | 'resource' | 'template' | 'task' | 'server'
  /** What the server itself calls it: the name of a tool or prompt, the URI of a resource, the URI template, the id of a task. */
  readonly name?: string
  /** What clients call it, where it was renamed. Never decide by this name alone. */
  readonly advertisedName?: string
  /** What the operator says about it. */
  readonly labels?: Readonly<Record<string, string>>
  /** What the MCP server says about it (`annotations`); only of servers that the operator marked as trusted. */
  readonly annotations?: Readonly<Record<string, unknown>>
}

/** Everything a {@link Policy} decides on. */
export interface PolicyInput {
  readonly subject: PolicySubject
  /** The MCP method, such as `tools/call`; `*` where it cannot be known, which only somebody who may do everything should pass. */
  readonly action: string
  readonly resource: PolicyResource
  /** The arguments of a tool or prompt, for policies that say {@link Policy.needsArguments}. A list has none. */
  readonly arguments?: Readonly<Record<string, unknown>>
  readonly env: {
    /** The client's IP address, where the host knows it. */
    readonly address?: string
    /** When the question is asked, in seconds since the epoch. */
    readonly time: number
  }
}

/** What a policy that is only tried out would have decided. For the operator alone. */
export interface ShadowDecision {
  readonly allow: boolean
  readonly reason?: string
  readonly policies?: readonly string[]
}

/** What a {@link Policy} says. */
export type Decision =
  | {
      readonly allow: true
      /** For how many seconds the same question has the same answer; what caches decisions keeps it no longer. */
      readonly maxAge?: number
      /** The ids of the rules that decided, for the log and the audit. No client gets to see them. */
      readonly policies?: readonly string[]
      /** What must be done if it is allowed. Nothing here fulfils any, so with one of them this is a refusal. */
      readonly obligations?: readonly unknown[]
      readonly shadow?: ShadowDecision
    }
  | {
      readonly allow: false
      /** Why. For the operator, unless {@link public} is set. */
      readonly reason: string
      /**
       * Whether the client may read the reason, which then names no internals.
       *
       * @default false
       */
      readonly public?: boolean
      /** The scopes that would help, all of them: the client is told to ask for these (RFC 6750 section 3.1). */
      readonly requiredScopes?: readonly string[]
      /**
       * Whether this is no decision but the want of one: what decides could not be asked. The client gets 503 and may try again.
       *
       * @default false
       */
      readonly unavailable?: boolean
      readonly maxAge?: number
      readonly policies?: readonly string[]
      readonly shadow?: ShadowDecision
    }

/** A fact about who asks, beside which a decision may depend on the action and the resource. */
export type PolicyFact = 'user' | 'actor' | 'client' | 'scopes' | 'roles' | 'groups' | 'address'

/**
 * Decides whether a request may go on. A plain function, so that rules in code and any engine fit. One that throws,
 * rejects or takes too long has decided nothing: the request fails with 503. Whatever it answers but `allow: true` is a
 * refusal.
 *
 * The same question is asked about a tool in a list and about a call of it, so that who sees a tool can call it.
 *
 * @example
 * ```ts
 * const policy: Policy = ({ action, resource, subject }) =>
 *   action === 'tools/list' || resource.name === 'search' || subject.roles.includes('editor')
 *     ? { allow: true }
 *     : { allow: false, reason: 'Only editors may do this', public: true }
 * ```
 */
export interface Policy {
  (input: PolicyInput): Decision | Promise<Decision>
  /** Decides about many at once, such as all tools of a list: one decision for each input, in the same order. */
  many?(inputs: readonly PolicyInput[]): readonly Decision[] | Promise<readonly Decision[]>
  /** Whether what decides can be asked. */
  check?: Check
  /**
   * Whether it decides by arguments too. A list then shows what some arguments might be allowed for.
   *
   * @default false
   */
  readonly needsArguments?: boolean
  /**
   * All that decisions depend on beside action and resource: whoever is alike in these gets the same decisions, so that a
   * filtered list can be kept for all of them. Left out, a decision may depend on anything, the time too, and none is kept.
   */
  readonly dependsOn?: readonly PolicyFact[]
}
