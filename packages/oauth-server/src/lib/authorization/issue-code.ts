import { Refusal, randomToken } from '@mcp-gateway/core/internal'
import { derive } from '../crypto/derive.js'
import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import type { Client } from '../store/client.js'
import type { Code } from '../store/code.js'
import type { GrantUser } from '../store/grant.js'
import { readRecord } from '../store/records.js'

/** An answer of a person that may be sent twice: a click comes twice, and the browser follows the second answer to it. */
export interface RepeatableAnswer {
  /** What only the browser of the step knows. */
  readonly secret: string
  /** Of the step. */
  readonly id: string
}

/** What a code is made for. */
export interface CodeTerms {
  readonly client: Client
  readonly request: AuthorizationRequest
  readonly user: GrantUser
  /** What the user answered; without it each code is random. */
  readonly answer?: RepeatableAnswer
}

/**
 * Makes an authorization code (RFC 6749 section 4.1.2): 256 bits that nobody can guess, of which the store has the hash. All
 * that repeats one answer has one code, in whichever order replicas come to it, so no other stays usable; once it was
 * traded in, there is none any more.
 *
 * @throws {Refusal} with status 403 for an answer whose code was traded in
 */
export async function issueCode(
  { storage, keys, settings, clients, clock }: Server,
  { client, request, user, answer }: CodeTerms,
): Promise<string> {
  const code =
    answer === undefined
      ? randomToken()
      : await derive(answer.secret, JSON.stringify(['code', answer.id, user.subject]))
  // The client has its state back with the code.
  const { state: _, ...kept } = request
  const record: Code = { request: kept, user, expiresAt: clock() + settings.lifetimes.code }
  const key = await keys('code', code)
  const options = {
    ttl: settings.lifetimes.code,
    lists: [await keys('user_tokens', user.subject), await keys('client_tokens', client.clientId)],
  }
  if (answer === undefined) await storage.set(key, JSON.stringify(record), options)
  else if (!(await storage.add(key, JSON.stringify(record), options))) {
    const before = await readRecord<Code>(storage, key)
    if (before === undefined || before.value.grantId !== undefined) {
      throw new Refusal(
        403,
        'access_denied',
        'You answered this a moment ago, and the application has its answer. Go back to it.',
      )
    }
  }
  await clients.touch(client)
  return code
}
