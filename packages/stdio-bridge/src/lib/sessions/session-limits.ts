import type { Refusal } from '../refusal.js'

/** All sessions that the bridge may have are open. */
export const tooMany: Refusal = {
  status: 503,
  message: 'The server has all the sessions it may have; try again later',
  retryAfter: 30,
}

/** All sessions that one user may have are open. */
export const tooManyOfYours: Refusal = {
  status: 429,
  message: 'You have too many sessions; end one with DELETE, or try again later',
  retryAfter: 30,
}

/** All requests that one session may have under way are. */
export const tooManyRequests: Refusal = {
  status: 429,
  message: 'Too many requests of this session wait for their answers',
  retryAfter: 1,
}

/** More waits for the child than it may. */
export const notKeepingUp: Refusal = {
  status: 503,
  message: 'The MCP server does not keep up with its input',
  retryAfter: 1,
}
