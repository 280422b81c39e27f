import type { Requirements } from './requirement.js'

/** Streamable HTTP of the stateless revisions (2026-07-28 and later). */
export const httpModern: Requirements = {
  M1: {
    held: true,
    source: 'MCP 2026-07-28, transports: endpoint',
    rule: 'One path, POST only: GET and DELETE answer 405, and session and resumption headers are ignored and never minted.',
  },
  M2: {
    held: true,
    source: 'MCP 2026-07-28, transports: security',
    rule: 'The Origin header is checked on every request; one that is present and not allowed gets 403.',
  },
  M3: {
    held: true,
    source: 'MCP 2026-07-28, transports: security',
    rule: 'A local server binds the loopback address only, and every connection is authenticated unless that was switched off by name.',
  },
  M4: {
    held: true,
    source: 'MCP 2026-07-28, transports: sending messages',
    rule: 'A body is one JSON-RPC request or notification: an array or a response is refused.',
  },
  M5: {
    held: true,
    source: 'MCP 2026-07-28, transports: sending messages',
    rule: 'A client accepts both application/json and text/event-stream; a request that accepts neither is refused.',
  },
  M6: {
    held: true,
    source: 'MCP 2026-07-28, transports: protocol version header',
    rule: 'MCP-Protocol-Version is on every POST and equals the version in _meta; a difference is 400 with code -32020.',
  },
  M7: {
    held: true,
    source: 'MCP 2026-07-28, transports: protocol version header',
    rule: 'A version that is not served is 400 with code -32022 and data naming the supported and the requested versions.',
  },
  M8: {
    held: true,
    source: 'MCP 2026-07-28, transports: standard request headers',
    rule: 'Mcp-Method, and Mcp-Name where the method has a target, are present and equal to the body; otherwise 400 with code -32020.',
  },
  M9: {
    held: true,
    source: 'MCP 2026-07-28, transports: header encoding',
    rule: 'A header value in the base64 sentinel form is decoded before it is compared with the body.',
  },
  M10: {
    held: true,
    source: 'MCP 2026-07-28, transports: custom parameter headers',
    rule: 'Mcp-Param headers are checked by who reads the body and the schema; an intermediary forwards the ones that it does not know.',
  },
  M11: {
    held: true,
    source: 'MCP 2026-07-28, base protocol: request metadata',
    rule: 'A request whose _meta lacks the protocol version or the client capabilities is 400 with code -32602.',
  },
  M12: {
    held: true,
    source: 'MCP 2026-07-28, transports: protocol version header',
    rule: 'A POST without a version header is read as 2025-03-26 where older clients are served, and refused otherwise.',
  },
  M13: {
    held: true,
    source: 'MCP 2026-07-28, transports: receiving messages',
    rule: 'A request is answered with JSON or an event stream; an accepted notification is 202 without a body.',
  },
  M14: {
    held: true,
    source: 'MCP 2026-07-28, transports: receiving messages',
    rule: 'A method that is not implemented is 404 with code -32601.',
  },
  M15: {
    held: true,
    source: 'MCP 2026-07-28, base protocol: capabilities',
    rule: 'A request that needs a capability which the client did not declare is 400 with code -32021 naming it.',
  },
  M16: {
    held: true,
    source: 'MCP 2026-07-28, transports: event streams',
    rule: 'A stream carries notifications of its own request and then the response, never a request, and asks proxies not to buffer.',
  },
  M17: {
    held: true,
    source: 'MCP 2026-07-28, transports: cancellation',
    rule: 'A client that closes the response cancels its request, and nothing more is sent for it.',
  },
  M18: {
    held: true,
    source: 'MCP 2026-07-28, discovery',
    rule: 'server/discover is answered, also in front of a child process that only knows initialize.',
  },
  M19: {
    held: true,
    source: 'MCP 2026-07-28, base protocol: results and caching',
    rule: 'Every result has a resultType; list, read and discover results carry a lifetime and a cache scope, the same on all pages.',
  },
  M20: {
    held: true,
    source: 'MCP 2026-07-28, multi round-trip requests',
    rule: 'Input is asked for only where the revision allows it and the client declared it, and the request state that travels with it is sealed, bound and short-lived.',
  },
  M21: {
    held: true,
    source: 'MCP 2026-07-28, subscriptions',
    rule: 'A listen stream starts with its acknowledgement, carries only what was asked for, tags every notification, and ends with a result.',
  },
  M22: {
    held: true,
    source: 'MCP 2026-07-28, logging',
    rule: 'No log notification is sent unless the request named a log level.',
  },
  M23: {
    held: true,
    source: 'MCP 2026-07-28, tools',
    rule: 'The order of tools/list is the same from call to call.',
  },
  M24: {
    held: true,
    source: 'MCP 2026-07-28, versioning',
    rule: 'initialize at an endpoint that serves only stateless revisions is refused with the versions that it serves.',
  },
  M25: {
    held: true,
    source: 'MCP 2026-07-28, transports: intermediaries',
    rule: 'An intermediary that refuses a request uses a fitting HTTP status.',
  },
  M26: {
    held: true,
    source: 'MCP 2026-07-28, transports: intermediaries',
    rule: 'Policy by mirrored headers applies only to revisions whose servers compare header and body; others are refused or judged as a whole server.',
  },
}
