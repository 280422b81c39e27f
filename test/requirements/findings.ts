import type { Requirements } from './requirement.js'

const source = 'Security review of November 2026'

/** What two hostile readings of the first version found. Ids are the numbers of the review. */
export const findings: Requirements = {
  'finding 1': {
    held: true,
    source,
    rule: 'No decision depends on instanceof of a platform class: a host that replaces Response, Request or Headers changes no verdict.',
  },
  'finding 2': {
    held: true,
    source,
    rule: 'What a rule decided on is what is executed, whatever the case, NUL bytes, charset, nesting or method of the message.',
  },
  'finding 3': {
    held: true,
    source,
    rule: 'A task of a shared child is known to its owner alone, in both eras and every isolation mode, and nobody can evict the entry of another user.',
  },
  'finding 4': {
    held: true,
    source,
    rule: 'Where a principal is needed and the token names no subject, the request is refused; client and user names never meet.',
  },
  'finding 5': {
    held: true,
    source,
    rule: 'Every proxy recipe routes by host and path together; a foreign host gets 421 and no upstream.',
  },
  'finding 6': {
    held: true,
    source,
    rule: 'The nearest configured ancestor of a path decides, and a path that parsers read differently is refused.',
  },
  'finding 7': {
    held: true,
    source,
    rule: 'Names that strangers give cannot stop the name lookups of the process.',
  },
  'finding 8': {
    held: true,
    source,
    rule: 'Memory for a body grows with its bytes and not with its chunks.',
  },
  'finding 9': {
    held: true,
    source,
    rule: 'Every reader takes linear time, whatever the separators of its input.',
  },
  'finding 10': {
    held: true,
    source,
    rule: 'Waiting requests keep bytes and spans instead of parsed trees, within a limit per principal; a batch has one response budget.',
  },
  'finding 11': {
    held: true,
    source,
    rule: 'Notifications count against the queue limit; a question that cannot reach the client is answered with an error, and open questions are bounded.',
  },
  'finding 12': {
    held: true,
    source,
    rule: 'A stream ends when its token expires or is revoked.',
  },
  'finding 13': {
    held: true,
    source,
    rule: 'A request target with a backslash, a fragment, dot segments in any spelling or control characters is refused.',
  },
  'finding 14': {
    held: true,
    source,
    rule: 'A stranger cannot use up the budgets of others: documents, registrations, answers and assertion records.',
  },
  'finding 15': {
    held: true,
    source,
    rule: 'Rights that were taken away upstream leave the tokens at refresh, and grants that carry roles end.',
  },
  'finding 16': {
    held: true,
    source,
    rule: 'The authorization endpoint redirects to an unverified client only after a person acted.',
  },
  'finding 17': {
    held: true,
    source,
    rule: 'A clock that was wrong once does not stop signing.',
  },
  'finding 18': {
    held: true,
    source,
    rule: 'Encrypted storage accepts no value that it did not seal.',
  },
  'finding 19': {
    held: true,
    source,
    rule: 'The loopback authorization server answers no foreign Host.',
  },
  'finding 20': {
    held: true,
    source,
    rule: 'A foreign page cannot start a child process by a request without Origin.',
  },
  'finding 21': {
    held: true,
    source,
    rule: 'Logs show the origin and path of a URL and no secret in its query, user part or fragment.',
  },
  'finding 22': {
    held: true,
    source,
    rule: 'With initial access tokens, a client document does not open the door that registration closes.',
  },
  'finding 23': {
    held: true,
    source,
    rule: 'A DPoP key of unusual size is refused before any signature is checked.',
  },
  'finding 24': {
    held: true,
    source,
    rule: 'The name of a client cannot draw over the page around it.',
  },
  'finding 25': {
    held: true,
    source,
    rule: 'One token has one spelling.',
  },
  'finding 26': {
    held: true,
    source,
    rule: 'Counters of addresses cannot fill the storage that others need.',
  },
  'finding 27': {
    held: true,
    source,
    rule: 'A message with both a method and a result is no response.',
  },
}
