export type { IdentitySource, IdentityTerms } from './lib/contract/identity-source.js'
export type { ClientCertificate } from './lib/identity/certificate.js'
export {
  type CertificateIdentity,
  type ClientCertificateOptions,
  clientCertificate,
  type NginxCertificateHeaders,
} from './lib/identity/client-certificate.js'
export { type ForwardedIdentityOptions, forwardedIdentity } from './lib/identity/forwarded-identity.js'
export type { IdentityMiddleware } from './lib/identity/identity-middleware.js'
export {
  dangerouslyTrustedHeaders,
  type TrustedHeaderNames,
  type TrustedHeadersOptions,
} from './lib/identity/trusted-headers.js'
