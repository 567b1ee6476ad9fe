// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ICouncil} from "../interfaces/ICouncil.sol";

/// @title Council: who decides besides whom the access manager lets.
abstract contract Council is AccessManaged, ICouncil {
    uint256 internal constant MAX_TERM = 365 days;

    address private _council;
    uint48 private _councilUntil;

    modifier onlyCouncil() {
        if (msg.sender != council()) _checkCanCall(msg.sender, msg.data);
        _;
    }

    /// @inheritdoc ICouncil
    function nameCouncil(address council_, uint48 until) external restricted {
        uint256 maximum = block.timestamp + MAX_TERM;
        if (until > maximum) revert CouncilTooLong(until, maximum);
        (_council, _councilUntil) = (council_, until);
        emit CouncilNamed(council_, until);
    }

    /// @inheritdoc ICouncil
    function council() public view returns (address) {
        return block.timestamp > _councilUntil ? address(0) : _council;
    }
}
