import type { Requirements } from './requirement.js'

/** Streamable HTTP of the session revisions (2025-11-25 and earlier). */
export const httpLegacy: Requirements = {
  L1: {
    held: true,
    source: 'MCP 2025-11-25, transports: sending messages',
    rule: 'One path takes POST and GET; a POST body is one message, and a batch only in 2025-03-26.',
  },
  L2: {
    held: true,
    source: 'MCP 2025-11-25, transports: sending messages',
    rule: 'An accepted notification or response is 202 without a body.',
  },
  L3: {
    held: true,
    source: 'MCP 2025-11-25, transports: event streams',
    rule: 'A stream may start with an event of id and empty data for clients that know it, and a lost connection is not a cancellation.',
  },
  L4: {
    held: true,
    source: 'MCP 2025-11-25, transports: listening',
    rule: 'GET answers an event stream or 405, and carries no response unless it resumes one.',
  },
  L5: {
    held: true,
    source: 'MCP 2025-11-25, transports: multiple connections',
    rule: 'Every message is sent on exactly one stream.',
  },
  L6: {
    held: true,
    source: 'MCP 2025-11-25, transports: resumability',
    rule: 'Last-Event-ID resumes its own stream, with ids unique in the session, and never replays another stream.',
  },
  L7: {
    held: true,
    source: 'MCP 2025-11-25, transports: session management',
    rule: 'Session ids are unguessable visible ASCII; a missing one is 400, an unknown or ended one 404, and DELETE ends it.',
  },
  L8: {
    held: true,
    source: 'MCP 2025-11-25, transports: protocol version header',
    rule: 'After initialize a version that is invalid or not served is 400, and an absent one means 2025-03-26.',
  },
  L9: {
    held: true,
    source: 'MCP 2025-11-25, security best practices: session hijacking',
    rule: 'A session is bound to its principal and is no authentication: with the token of another principal it does not exist.',
  },
  L10: {
    held: true,
    source: 'MCP TypeScript SDK advisory GHSA-345p-7cg4-v4c7',
    rule: 'Two clients that use the same JSON-RPC id at the same time get their own answers.',
  },
}
