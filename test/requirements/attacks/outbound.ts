import type { Requirements } from '../requirement.js'

/** Client documents and every outbound fetch. */
export const outbound: Requirements = {
  'attack 87': {
    held: true,
    source: 'OAuth Client ID Metadata Document draft 02 section 3',
    rule: 'A malformed client URL is an unknown client, and nothing is fetched.',
  },
  'attack 88': {
    held: true,
    source: 'RFC 6890; OWASP SSRF prevention',
    rule: 'A host that resolves to an address that is not public is refused.',
  },
  'attack 89': {
    held: true,
    source: 'OWASP SSRF prevention',
    rule: 'The connection goes to the address that was checked, also when the name changes in between.',
  },
  'attack 90': {
    held: true,
    source: 'OAuth Client ID Metadata Document draft 02 section 4',
    rule: 'A redirect is refused and not followed.',
  },
  'attack 91': {
    held: true,
    source: 'OAuth Client ID Metadata Document draft 02 section 6',
    rule: 'Large, endless, compressed and slow documents are cut off at the limit.',
  },
  'attack 92': {
    held: true,
    source: 'OAuth Client ID Metadata Document draft 02 section 4',
    rule: 'A document that is not what it must be is refused and not kept.',
  },
  'attack 93': {
    held: true,
    source: 'OAuth Client ID Metadata Document draft 02 section 4.1',
    rule: 'A document with a secret or a private key is refused.',
  },
  'attack 94': {
    held: true,
    source: 'RFC 9111 section 4',
    rule: 'Documents are kept as their headers say, between a floor and a ceiling.',
  },
  'attack 95': {
    held: true,
    source: 'OWASP SSRF prevention',
    rule: 'Fetches are limited in all and per origin, and one address is fetched once at a time.',
  },
  'attack 96': {
    held: true,
    source: 'RFC 3986 section 6.2',
    rule: 'Client URLs that differ are different clients in storage.',
  },
  'attack 97': {
    held: true,
    source: 'OAuth Client ID Metadata Document draft 02 section 6',
    rule: 'A changed document is checked again, and old consent is not reused for it.',
  },
  'attack 98': {
    held: true,
    source: 'OWASP SSRF prevention',
    rule: 'The same rules hold for every address that others name.',
  },
  'attack 99': {
    held: true,
    source: 'OAuth Client ID Metadata Document draft 02 section 3',
    rule: 'A configured client with the same id comes first.',
  },
  'attack 100': {
    held: true,
    source: 'RFC 9110 section 4.3.4',
    rule: 'A certificate that does not verify is refused.',
  },
}
