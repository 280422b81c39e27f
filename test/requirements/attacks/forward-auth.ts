import type { Requirements } from '../requirement.js'

/** Forward authentication and header hygiene. */
export const forwardAuth: Requirements = {
  'attack 139': {
    held: true,
    source: 'CWE-290; GHSA-7x63-xv5r-3p2x',
    rule: 'Identity headers of the client never reach the server behind.',
  },
  'attack 140': {
    held: true,
    source: 'CVE-2025-64484',
    rule: 'Spelling variants, duplicates and connection tricks do not carry identity headers through.',
  },
  'attack 141': {
    held: true,
    source: 'CWE-113',
    rule: 'Claim values cannot inject headers.',
  },
  'attack 142': {
    held: true,
    source: 'CVE-2026-40575; RFC 7239 section 8.1',
    rule: 'Forwarding headers count only from a trusted peer, and none is trusted by default.',
  },
  'attack 143': {
    held: true,
    source: 'CVE-2026-41059; RFC 3986 section 6',
    rule: 'The path that is judged is the path that is forwarded.',
  },
  'attack 144': {
    held: true,
    source: 'GHSA-5hvv-m4w4-gf6v',
    rule: 'Open paths are open by exact path and method only.',
  },
  'attack 145': {
    held: true,
    source: 'Fetch standard, CORS protocol',
    rule: 'The judged method is the original one, and a preflight passes without identity.',
  },
  'attack 146': {
    held: true,
    source: 'CWE-636',
    rule: 'A request whose origin cannot be told is refused.',
  },
  'attack 147': {
    held: true,
    source: 'RFC 9728 section 3.3',
    rule: 'A host that is not configured learns nothing, and the audience is that of the host.',
  },
  'attack 148': {
    held: true,
    source: 'MCP security best practices: token passthrough',
    rule: 'The token of the client stays with the gateway.',
  },
  'attack 149': {
    held: true,
    source: 'CWE-346',
    rule: "What a server behind answers does not touch the gateway's own decisions.",
  },
  'attack 150': {
    held: true,
    source: 'MCP 2026-07-28, transports: security',
    rule: 'Streams and upgrades are authenticated and their origin is checked.',
  },
}
