import { authorize } from './attacks/authorize.js'
import { codes } from './attacks/codes.js'
import { consent } from './attacks/consent.js'
import { discovery } from './attacks/discovery.js'
import { forwardAuth } from './attacks/forward-auth.js'
import { grants } from './attacks/grants.js'
import { http } from './attacks/http.js'
import { outbound } from './attacks/outbound.js'
import { refresh } from './attacks/refresh.js'
import { registration } from './attacks/registration.js'
import { token } from './attacks/token.js'
import { verification } from './attacks/verification.js'
import { authorizationServer } from './authorization-server.js'
import { findings } from './findings.js'
import { httpLegacy } from './http-legacy.js'
import { httpModern } from './http-modern.js'
import type { Requirements } from './requirement.js'
import { resourceServer } from './resource-server.js'
import { stdio } from './stdio.js'

/** Every rule of the protocol and every attack, by id. */
export const requirements: Requirements = {
  ...httpModern,
  ...httpLegacy,
  ...stdio,
  ...resourceServer,
  ...authorizationServer,
  ...discovery,
  ...authorize,
  ...codes,
  ...token,
  ...refresh,
  ...registration,
  ...outbound,
  ...consent,
  ...verification,
  ...forwardAuth,
  ...http,
  ...grants,
  ...findings,
}
