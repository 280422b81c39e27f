import { walks } from './walk.js'

walks('hono')
