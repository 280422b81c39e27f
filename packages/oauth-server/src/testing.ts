export { type FollowLoginOptions, followLogin } from './lib/testing/follow-login.js'
