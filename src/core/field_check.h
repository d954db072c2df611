// Whether Pendo has the fields that a statement sets. Writing a custom field that
// does not exist would create it, for good, in the customer's subscription; so
// the schema is asked once per session before the first write.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client.h"
#include "fetch.h"
#include "field_values.h"
#include "object.h"
#include "wall.h"

namespace pendo {

class FieldCheck {
 public:
  // nullptr: `failure` tells why. With options.create_fields fields that are
  // not there are made, of the types of their columns (in a dry run, only taken
  // for made).
  static std::unique_ptr<FieldCheck> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                            const std::vector<BulkField>& fields, const CallOptions& options,
                                            Failure& failure) noexcept;

  // kDone: they are all there.
  Status run() noexcept;

  int fd() const noexcept { return creation_ ? creation_->fd() : schema_->fd(); }
  const Failure& failure() const noexcept { return failure_; }

  // Names of fields that it made, as "custom.plan", for a message.
  const std::vector<std::string>& created() const noexcept { return created_; }

 private:
  struct Field {
    std::string group;
    std::string name;
    ColumnType type;

    std::string path() const { return group + "." + name; }
  };

  FieldCheck(std::shared_ptr<Client> client, const ObjectDescriptor& object, const std::vector<BulkField>& fields,
             const CallOptions& options);

  Status step();
  Status ask();
  Status check();
  std::vector<Field> unknown_fields(const std::vector<SchemaField>& known) const;
  Status refuse(const Field& field, const std::vector<SchemaField>& known);
  Status make(const std::vector<Field>& missing);
  void made();
  Status fail(Failure failure);

  std::shared_ptr<Client> client_;
  const ObjectDescriptor& object_;
  CallOptions options_;
  std::vector<Field> fields_;
  std::unique_ptr<SchemaFetch> schema_;
  std::unique_ptr<Fetch> creation_;
  std::string creation_reply_;
  std::vector<std::string> created_;
  bool asked_ = false;    // in this statement
  Failure failure_;
};

}  // namespace pendo
