import type { Requirements } from '../requirement.js'

/** Consent, login, identity providers and cookies. */
export const consent: Requirements = {
  'attack 101': {
    held: true,
    source: 'MCP security best practices: confused deputy',
    rule: 'A new client gets a consent page before any step to the identity provider.',
  },
  'attack 102': {
    held: true,
    source: 'RFC 9700 section 4.16',
    rule: 'Consent is given only by POST with the unused handle of this browser.',
  },
  'attack 103': {
    held: true,
    source: 'RFC 9700 section 4.16',
    rule: 'What was asked is restored from storage, and hidden fields change nothing.',
  },
  'attack 104': {
    held: true,
    source: 'RFC 9700 section 4.7; GHSA-rww4-4w9c-7733',
    rule: 'A callback needs the state of this browser, unused and recent.',
  },
  'attack 105': {
    held: true,
    source: 'GHSA-rww4-4w9c-7733',
    rule: 'An approval given in one browser is no use in another.',
  },
  'attack 106': {
    held: true,
    source: 'GHSA-6x8h-498w-gv8c',
    rule: 'Remembered consent is bound to all that it covered, and a request from another site asks again.',
  },
  'attack 107': {
    held: true,
    source: 'RFC 6265 section 6.1',
    rule: 'Remembered consent is on the server, and cookies do not grow.',
  },
  'attack 108': {
    held: true,
    source: 'RFC 9700 section 4.16',
    rule: 'Every page forbids framing, foreign form targets, inline script and sniffing.',
  },
  'attack 109': {
    held: true,
    source: 'RFC 6265bis section 4.1.3',
    rule: 'Cookies are host-bound, secure, hidden from scripts, same-site and short, and tabs do not disturb each other.',
  },
  'attack 110': {
    held: true,
    source: 'OWASP session management',
    rule: 'The session id changes at login.',
  },
  'attack 111': {
    held: true,
    source: 'RFC 9700 section 4.7',
    rule: 'A callback with a code that we did not ask for is refused.',
  },
  'attack 112': {
    held: true,
    source: 'RFC 9207 section 2.4',
    rule: 'A callback from another identity provider than the one chosen is refused.',
  },
  'attack 113': {
    held: true,
    source: 'OpenID Connect Core section 3.1.3.7',
    rule: 'An ID token is refused for each claim that is wrong, and PKCE is used upstream.',
  },
  'attack 114': {
    held: true,
    source: 'OpenID Connect Core section 5.7',
    rule: 'A person is the pair of provider and immutable id, never a name or an unverified address.',
  },
  'attack 115': {
    held: true,
    source: 'RFC 6749 section 4.1.2.1',
    rule: 'A refusal upstream reaches the client as access_denied with state and iss.',
  },
  'attack 116': {
    held: true,
    source: 'RFC 9700 section 4.11',
    rule: 'Nothing leads from login to another origin.',
  },
  'attack 117': {
    held: true,
    source: 'OWASP cross-site scripting prevention',
    rule: 'Every shown field is inert.',
  },
  'attack 118': {
    held: true,
    source: 'RFC 9110 section 9.2.2',
    rule: 'A second click or tab gives its own answer or a refusal, never a server error.',
  },
  'attack 119': {
    held: true,
    source: 'MCP 2026-07-28, authorization: consent',
    rule: 'The page names client, origin, redirect host, scopes, resource and account, and warns of loopback.',
  },
}
