import type { Requirements } from './requirement.js'

/** What the bridge owes the child process and the host. */
export const stdio: Requirements = {
  S1: {
    held: true,
    source: 'MCP 2026-07-28, transports: stdio',
    rule: 'Messages are single lines of UTF-8 JSON; what a child writes to stderr is a log and no failure.',
  },
  S2: {
    held: true,
    source: 'MCP 2026-07-28, versioning: stdio probing',
    rule: 'A child is asked server/discover first, and any other answer than a stateless one, or silence, falls back to initialize.',
  },
  S3: {
    held: true,
    source: 'MCP 2026-07-28, transports: stdio shutdown',
    rule: 'Cancelling is a notification; a stop closes stdin, waits, then terminates, then kills; a child that exits is replaced.',
  },
  S4: {
    held: true,
    source: 'MCP security best practices: stdio in proxy scenarios',
    rule: 'The command comes from configuration and never from a request, its use is logged, and it can be confined.',
  },
  S5: {
    held: true,
    source: 'MCP 2026-07-28, authorization: stdio',
    rule: 'The token of the caller and the secrets of the gateway do not reach the child.',
  },
}
