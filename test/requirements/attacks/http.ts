import type { Requirements } from '../requirement.js'

/** CORS, HTTP hygiene and exhaustion. */
export const http: Requirements = {
  'attack 151': {
    held: true,
    source: 'Fetch standard, CORS protocol',
    rule: 'Preflights on open endpoints answer without credentials and allow what MCP clients send.',
  },
  'attack 152': {
    held: true,
    source: 'Fetch standard, CORS protocol',
    rule: 'Pages and sessions have no CORS headers.',
  },
  'attack 153': {
    held: true,
    source: 'Fetch standard, CORS protocol',
    rule: 'Introspection has no CORS headers.',
  },
  'attack 154': {
    held: true,
    source: 'Fetch standard, CORS protocol',
    rule: 'An echoed origin varies the cache, and a wildcard is never joined with credentials.',
  },
  'attack 155': {
    held: true,
    source: 'Fetch standard, CORS protocol',
    rule: 'Errors carry the CORS headers of successes.',
  },
  'attack 156': {
    held: true,
    source: 'RFC 9110 section 15.5.6',
    rule: 'A method that is not served is 405 with Allow.',
  },
  'attack 157': {
    held: true,
    source: 'RFC 9110 sections 15.5.15 and 5.4; CWE-1333',
    rule: 'Long URLs, headers, deep JSON and hostile patterns cost a bounded time.',
  },
  'attack 158': {
    held: true,
    source: 'RFC 6585 section 4',
    rule: 'Endpoints are limited in rate, by address prefix, and what a failing limiter does is documented.',
  },
  'attack 159': {
    held: true,
    source: 'RFC 6749 section 5.2',
    rule: 'A storage outage is 503 and never an error on which clients drop credentials.',
  },
  'attack 160': {
    held: true,
    source: 'RFC 9700 section 4.2.4',
    rule: 'Logs hold no secret.',
  },
}
