import type { AuthorizationRequest } from '../authorize/authorization-request.js'
import { equal } from '../crypto/equal.js'
import { hash } from '../crypto/hash.js'
import { randomToken } from '../crypto/random-token.js'
import type { GrantUser } from '../grants/grant.js'
import { readCookie } from '../http/cookies.js'
import { Refusal } from '../http/refusal.js'
import { readRecord } from '../records.js'
import type { Server } from '../server.js'
import type { LoginForm } from './identity-provider.js'

/** Seconds. */
const doubleClick = 5

/** An authorization request on its way through consent and login. What it asks for is kept here, never on a page. */
export interface Transaction {
  readonly step: 'consent' | 'login'
  readonly request: AuthorizationRequest
  /** Hash of the cookie of the browser that this step belongs to. */
  readonly browser: string
  /** Who was signed in when the person was asked. */
  readonly user?: GrantUser
  /** Whether it was answered, a moment ago. */
  readonly closed?: boolean
  /** The form to answer, if the login is one. */
  readonly form?: LoginForm
  /** What the identity provider wants back at its callback. */
  readonly memo?: string
}

/** A step that began: its handle goes on a page or into a URL, its cookie into the browser. */
export interface StartedStep {
  readonly handle: string
  readonly cookie: string
}

/** Makes the handle of a step, before the step's record can be written. */
export async function newStep(server: Server): Promise<StartedStep & { readonly browser: string }> {
  const handle = randomToken()
  const secret = randomToken()
  const cookie = server.cookies.write(await suffix(handle), secret, server.settings.lifetimes.login)
  return { handle, cookie, browser: await hash(secret) }
}

/** Stores a step under its handle. */
export async function saveStep(server: Server, handle: string, transaction: Transaction): Promise<void> {
  await server.storage.set(await server.keys('state', handle), JSON.stringify(transaction), {
    ttl: server.settings.lifetimes.login,
  })
}

/**
 * Reads a step for the browser that began it. A handle without its cookie, from another browser, used before or too
 * old, is refused and consumes nothing.
 *
 * @throws Refusal with status 403
 */
export async function readStep(
  server: Server,
  request: Request,
  handle: string | undefined,
  step: Transaction['step'],
): Promise<Transaction> {
  const cookie = handle && readCookie(request, server.cookies.name(await suffix(handle)))
  const stored =
    handle && cookie ? await readRecord<Transaction>(server.storage, await server.keys('state', handle)) : undefined
  if (!stored || !cookie || stored.value.step !== step || !equal(await hash(cookie), stored.value.browser)) {
    throw new Refusal(
      403,
      'access_denied',
      'This page was answered before, is too old, or was opened in another browser. Go back to your application and connect again.',
    )
  }
  return stored.value
}

/** Uses a step up: of several answers to it one goes on. */
export async function useStep(server: Server, handle: string): Promise<void> {
  if (!(await server.storage.delete(await server.keys('state', handle)))) {
    throw new Refusal(
      403,
      'access_denied',
      'This page was answered before. Go back to your application and connect again.',
    )
  }
}

/**
 * Ends a step a few seconds after its first answer. A double click sends two, and the browser follows the second: refusing that
 * one would leave the person at a dead end. Each answer gets a code of its own.
 */
export async function closeStep(server: Server, handle: string, transaction: Transaction): Promise<void> {
  if (transaction.closed) return
  const value = JSON.stringify({ ...transaction, closed: true })
  await server.storage.set(await server.keys('state', handle), value, { ttl: doubleClick })
}

/** Ends the cookie of a step with its record: the second of two clicks may follow the first one's answer. */
export async function endStep(server: Server, request: Request, handle: string): Promise<string> {
  const name = await suffix(handle)
  return server.cookies.write(name, readCookie(request, server.cookies.name(name)) ?? '', doubleClick)
}

async function suffix(handle: string): Promise<string> {
  return (await hash(handle)).slice(0, 12)
}
