// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Permit} from "../interfaces/ISeller.sol";

/// @title PermitLib: the use of a buyer's signature in place of an approval.
library PermitLib {
    /// @notice Hand in the caller's permit for this contract.
    /// @dev Whether it works does not matter: a permit can be spent by anybody who sees it, and what counts is the allowance
    /// when the price is taken. So the answer, and whether there is a token at all, is not looked at.
    /// @param permit The permit.
    function use(Permit calldata permit) internal {
        bytes memory data = abi.encodeCall(
            IERC20Permit.permit,
            (msg.sender, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s)
        );
        address token = permit.token;
        assembly ("memory-safe") {
            pop(call(gas(), token, 0, add(data, 0x20), mload(data), 0, 0))
        }
    }
}
