/** What an event is about. */
export type AuditEventType =
  /** Who somebody is: a refused token, a login, tokens that were issued, refused or revoked. */
  | 'authentication'
  /** Whether somebody may: a refusal by a policy or for want of a scope, a consent. */
  | 'authorization'
  | 'tool_call'
  | 'resource_read'
  | 'prompt_get'
  | 'list'
  | 'task'
  /** The begin and the end of a session. */
  | 'session'
  /** Everything else that was asked, and requests that were refused before it was known what they ask. */
  | 'request'
  /** A change to the gateway itself: a client was registered, updated or deleted. */
  | 'admin'
  /** Events were lost; `reason` says how many, and when. */
  | 'audit_gap'

/** What came of it. */
export type AuditOutcome =
  | 'ok'
  /** The tool says that it failed (`isError`). */
  | 'tool_error'
  /** The server answered with a JSON-RPC error. */
  | 'protocol_error'
  | 'denied'
  /** Denied until the user agrees to more scopes. */
  | 'step_up'
  | 'unauthenticated'
  /** The message or the request is none. */
  | 'invalid'
  /** The client withdrew it, or went away. */
  | 'cancelled'
  | 'timeout'
  /** The server could not be asked, or gave no answer that is one. */
  | 'upstream_down'
  /** The gateway, or something that it needs to decide, failed. */
  | 'error'

/**
 * One thing that happened. It holds no credential: texts were searched for what looks like one before they were cut. All texts
 * are well-formed Unicode without U+0000, and may have been written by strangers.
 */
export interface AuditEvent {
  /** UUID of version 7: later events of a process have greater ids. */
  readonly id: string
  /** When it began, in milliseconds since the epoch, by the clock of this machine. */
  readonly ts: number
  readonly type: AuditEventType
  readonly outcome: AuditOutcome
  /** The JSON-RPC code of an error, the code of a refusal, or the HTTP status. */
  readonly code?: string
  /** Who issued {@link subjectId}. */
  readonly subjectIss?: string
  /** Who asked: the user, or the client that acts for itself, whose `subjectId` is its `clientId`. */
  readonly subjectId?: string
  readonly clientId?: string
  /** What the MCP client calls itself. */
  readonly clientName?: string
  readonly clientVersion?: string
  /** The id of the token (`jti`) or API key, never the credential itself. */
  readonly credentialId?: string
  /** Who acts for the subject, the nearest first (RFC 8693 `act`). */
  readonly actor?: readonly string[]
  readonly tenant?: string
  /** The MCP server, as the resource URL that is configured. */
  readonly server?: string
  /** The MCP method; of the authorization server `oauth/` and the name of its event; of other requests method and path. */
  readonly method?: string
  readonly targetType?: 'tool' | 'resource' | 'prompt' | 'task'
  /** The name of the tool or prompt, the URI of the resource, the id of the task, as the server calls it. */
  readonly target?: string
  /** What the client calls it, where it was renamed. */
  readonly advertised?: string
  readonly era?: 'legacy' | 'modern'
  readonly protocolVersion?: string
  /** Stands for the session, whose id is a secret. */
  readonly session?: string
  readonly requestId?: string
  readonly jsonrpcId?: string
  readonly traceId?: string
  readonly spanId?: string
  /** The event that this one belongs to: of an `authentication` or `authorization` that succeeded, the call. */
  readonly parentId?: string
  /** The ids of the rules by which a policy decided. */
  readonly policy?: readonly string[]
  /** Why it was refused or failed, for the operator. */
  readonly reason?: string
  readonly durationMs?: number
  /** Of that, how long the server behind took to begin its answer. */
  readonly upstreamMs?: number
  readonly requestBytes?: number
  readonly responseBytes?: number
  /** The names of the arguments, 64 at most. */
  readonly argumentKeys?: readonly string[]
  /** The arguments as JSON, where they were asked for. */
  readonly arguments?: string
  /** The result as JSON, where it was asked for. */
  readonly result?: string
  /** Whether arguments or result were cut. */
  readonly truncated?: boolean
  readonly ip?: string
  readonly userAgent?: string
  /** Which process wrote it. */
  readonly replica: string
  /** Version of this schema. */
  readonly v: 1
  /** The chain of hashes that the event is in, where there is one: the replica and the day it began. */
  readonly chain?: string
  readonly seq?: number
  /** The hash of the event before in its chain. */
  readonly prev?: string
  readonly hash?: string
}
