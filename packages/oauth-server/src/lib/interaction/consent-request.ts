import { Refusal, sha256 } from '@mcp-gateway/core/internal'
import { base64url } from 'jose'
import { hintParameters, type LoginHints } from '../authorization/login-hints.js'
import { derive } from '../crypto/derive.js'
import { equal } from '../crypto/equal.js'
import { type Parameters, parameters } from '../http/form.js'
import type { Server } from '../server/server.js'
import { doubleClick, newStepCookie, newStepId, readStepCookie } from '../session/step-cookie.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import type { Client } from '../store/client.js'
import { readRecord } from '../store/records.js'

/**
 * What a consent page asks. It travels in the page, under a code that only the cookie of this browser can make: an
 * authorization request of a stranger leaves nothing in the store. Nothing in it is believed for that: whoever owns the browser
 * knows the cookie, so the request in it is checked anew as if it had just arrived.
 */
export interface ConsentRequest {
  readonly id: string
  /** The authorization request, as the parameters that ask for exactly this. */
  readonly request: Readonly<Record<string, string>>
  /** What the page said about the client and the request, as a hash. */
  readonly shown: string
  /** Whether the person has said no to a refresh token before. */
  readonly withoutRefresh?: true
  /** Who was signed in when the person was asked. */
  readonly subject?: string
  readonly expiresAt: number
}

/** A question on its way: the handle goes on the page, the cookie into the browser. */
export interface AskedQuestion {
  readonly handle: string
  readonly cookie: string
}

/** What a question is about. */
export interface QuestionSubject {
  readonly client: Client
  readonly request: AuthorizationRequest
  readonly hints?: LoginHints
  /** Who is signed in, if anyone. */
  readonly subject: string | undefined
}

export async function newQuestion(
  server: Server,
  { client, request, hints = {}, subject }: QuestionSubject,
): Promise<AskedQuestion> {
  const id = newStepId(server, 16)
  const { secret, cookie } = await newStepCookie(server, id)
  const question: ConsentRequest = {
    id,
    request: { ...toParameters(request), ...hintParameters(hints) },
    shown: await shownHash(client, request),
    ...(request.withoutRefresh && { withoutRefresh: true }),
    ...(subject !== undefined && { subject }),
    expiresAt: server.clock() + server.settings.lifetimes.login,
  }
  const text = base64url.encode(JSON.stringify(question))
  return { handle: `${text}.${await derive(secret, text)}`, cookie }
}

/**
 * Reads the question that an answer is for, from the browser that was asked.
 *
 * @throws {Refusal} with status 403 for one without its cookie, from another browser, answered before or too old
 */
export async function readQuestion(
  server: Server,
  request: Request,
  handle: string | undefined,
): Promise<ConsentRequest & { readonly parameters: Parameters; readonly secret: string }> {
  const [text = '', code = ''] = (handle ?? '').split('.')
  const question = parse(text)
  const secret = question && (await readStepCookie(server, request, question.id))
  if (
    !question ||
    !secret ||
    !equal(await derive(secret, text), code) ||
    !isOfNow(server, question) ||
    (await wasAnswered(server, question))
  ) {
    throw new Refusal(
      403,
      'access_denied',
      'This page was answered before, is too old, or was opened in another browser. Go back to your application and connect again.',
    )
  }
  return { ...question, secret, parameters: parameters(new URLSearchParams(question.request)) }
}

/** Whoever owns the browser could write any time into it, and have its answer kept until then. */
function isOfNow({ clock, settings }: Server, { expiresAt }: ConsentRequest): boolean {
  const left = expiresAt - clock()
  return left > 0 && left <= settings.lifetimes.login
}

async function wasAnswered({ storage, keys, clock }: Server, { id }: ConsentRequest): Promise<boolean> {
  const answered = await readRecord<number>(storage, await keys('answer', id))
  return answered !== undefined && clock() >= answered.value + doubleClick
}

/** Notes that a question was answered: from a double click on, it cannot be any more. */
export async function closeQuestion({ storage, keys, clock }: Server, question: ConsentRequest): Promise<void> {
  const now = clock()
  if (now >= question.expiresAt) return
  await storage.add(await keys('answer', question.id), String(now), { ttl: question.expiresAt - now })
}

/** Whether the page would still say the same: a client may have published or registered something else meanwhile. */
export async function isUnchanged(
  question: ConsentRequest,
  client: Client,
  request: AuthorizationRequest,
): Promise<boolean> {
  return question.shown === (await shownHash(client, request))
}

async function shownHash({ metadata }: Client, { documentHash, scopes, resource }: AuthorizationRequest) {
  return sha256(JSON.stringify([metadata.client_name, documentHash, [...scopes].sort(), resource]))
}

function toParameters(request: AuthorizationRequest): Record<string, string> {
  const { clientId, redirectUri, state, scopes, resource, challenge, prompt } = request
  return {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource,
    scope: scopeFor(scopes),
    prompt: prompt.join(' '),
    ...(state !== undefined && { state }),
  }
}

/** A scope that nobody has: without one beside `offline_access`, the scopes by default would be meant. */
const noScope = 'urn:mcp-gateway:no-scope'

function scopeFor(scopes: readonly string[]): string {
  const some = scopes.some((scope) => scope !== 'offline_access')
  return (some ? scopes : [noScope, ...scopes]).join(' ')
}

function parse(text: string): ConsentRequest | undefined {
  try {
    const question = JSON.parse(new TextDecoder().decode(base64url.decode(text))) as Partial<ConsentRequest> | null
    const { id, request, expiresAt } = question ?? {}
    const isRequest = typeof request === 'object' && request !== null && !Array.isArray(request)
    return typeof id === 'string' && isRequest && typeof expiresAt === 'number'
      ? (question as ConsentRequest)
      : undefined
  } catch {
    return undefined
  }
}
