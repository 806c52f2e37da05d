/** The part of the CustomResourceDefinition of the Prometheus Operator that our ServiceMonitor uses. */
export const SERVICE_MONITOR_CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: servicemonitors.monitoring.coreos.com }
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: { kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [endpoints, selector]
              properties:
                jobLabel: { type: string }
                selector:
                  type: object
                  properties:
                    matchLabels: { type: object, additionalProperties: { type: string } }
                endpoints:
                  type: array
                  items:
                    type: object
                    properties:
                      port: { type: string }
                      path: { type: string }
                      honorLabels: { type: boolean }
                      interval: { type: string, pattern: "^[0-9]+(ms|s|m|h)$" }
                      authorization:
                        type: object
                        properties:
                          type: { type: string }
                          credentials:
                            type: object
                            required: [key]
                            properties: { name: { type: string }, key: { type: string } }
`;
