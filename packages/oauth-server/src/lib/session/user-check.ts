import { GatewayError, type Logger } from '@mcp-gateway/core'
import type { AuthorizationServerOptions } from '../server/options.js'
import type { GrantUser } from '../store/grant.js'

/** What a user is told by: an object with other members and none of these answers another question. */
const members = ['subject', 'username', 'name', 'email', 'roles', 'groups']

/**
 * Asks the operator's `checkUser` who a user is now. A directory that does not answer, or whose answer makes no sense, is an
 * outage, and says nothing about anyone.
 */
export function createUserCheck(
  { checkUser = () => true }: Pick<AuthorizationServerOptions, 'checkUser'>,
  logger: Logger,
  clock: () => number,
): (user: GrantUser) => Promise<GrantUser | undefined> {
  return async (user) => {
    try {
      const answer: unknown = await checkUser(user)
      if (answer === true) return user
      return typeof answer === 'object' && answer !== null ? anew(user, ownMembers(answer), clock()) : undefined
    } catch (cause) {
      logger.error({ service: 'oauth-server', err: cause }, 'checkUser failed')
      throw new GatewayError('temporarily_unavailable', 'The account could not be checked', { cause })
    }
  }
}

/** Rows of a query, a response, an error or `{ active: false }` are no user, and would let everybody in as one. */
function ownMembers(answer: object): Record<string, unknown> {
  const own: Record<string, unknown> = { ...answer }
  const names = Object.keys(own)
  const isUser = names.length === 0 || names.some((name) => members.includes(name))
  if (isUser && Object.prototype.toString.call(answer) === '[object Object]') return own
  throw new TypeError('checkUser answered with no user')
}

function anew({ subject }: GrantUser, answer: Record<string, unknown>, now: number): GrantUser {
  if (answer.subject !== undefined && answer.subject !== subject) {
    throw new TypeError('checkUser answered with another subject')
  }
  const text = (name: string): Record<string, string> => {
    const value = answer[name] ?? undefined
    if (value !== undefined && typeof value !== 'string') throw new TypeError(`checkUser: ${name} must be a string`)
    return value === undefined ? {} : { [name]: value }
  }
  const list = (name: string): Record<string, readonly string[]> => {
    const value = answer[name] ?? undefined
    if (value === undefined) return {}
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw new TypeError(`checkUser: ${name} must be a list of strings`)
    }
    return { [name]: [...value] }
  }
  return {
    subject,
    ...text('username'),
    ...text('name'),
    ...text('email'),
    ...list('roles'),
    ...list('groups'),
    confirmedAt: now,
  }
}
