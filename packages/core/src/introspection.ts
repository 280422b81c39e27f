export {
  createIntrospectionVerifier,
  type IntrospectionVerifierOptions,
} from './lib/introspection/create-introspection-verifier.js'
